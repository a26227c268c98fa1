// Line drawings of things that shops sell, on 24 × 24: `fill` is washed with colour, `line` is drawn over it.

const G = (fill, line) => ({ fill, line });

const GLYPHS = {
  headphones: G('M4 14h3v6H5.5A1.5 1.5 0 0 1 4 18.5V14Zm13 0h3v4.5a1.5 1.5 0 0 1-1.5 1.5H17v-6Z', 'M4 18v-5a8 8 0 0 1 16 0v5M4 14h3v6H5.5A1.5 1.5 0 0 1 4 18.5V14Zm13 0h3v4.5a1.5 1.5 0 0 1-1.5 1.5H17v-6Z'),
  charger: G('M7 8h10v5a5 5 0 0 1-10 0V8Z', 'M9.5 8V3.5M14.5 8V3.5M7 8h10v5a5 5 0 0 1-10 0V8Zm5 10v3.5'),
  speaker: G('M12 13.5a3.5 3.5 0 1 1 0 .01Z', 'M6.5 2.5h11v19h-11zM12 17.7a3.4 3.4 0 1 0 0-6.8 3.4 3.4 0 0 0 0 6.8ZM12 7.6a1.3 1.3 0 1 0 0-2.6 1.3 1.3 0 0 0 0 2.6Z'),
  keyboard: G('M2.5 7h19v10.5h-19z', 'M2.5 7h19v10.5h-19zM6 10.2h.01M9 10.2h.01M12 10.2h.01M15 10.2h.01M18 10.2h.01M7.5 14.3h9'),
  monitor: G('M3 4h18v12H3z', 'M3 4h18v12H3zM12 16v4M8 20.5h8'),
  camera: G('M12 16.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7Z', 'M3 7.5h4L8.5 5h7L17 7.5h4V19H3V7.5Zm9 9a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7ZM18 10.5h.01'),
  phone: G('M7 2.5h10v19H7z', 'M7 2.5h10v19H7zM11 18.5h2'),
  laptop: G('M5 5h14v10H5z', 'M5 5h14v10H5zM2.5 18.5h19L19 15H5l-2.5 3.5Z'),
  watch: G('M12 17a5 5 0 1 0 0-10 5 5 0 0 0 0 10Z', 'M12 17a5 5 0 1 0 0-10 5 5 0 0 0 0 10ZM9 7.5 9.7 2.5h4.6l.7 5M9 16.5l.7 5h4.6l.7-5M12 9.5V12l1.5 1'),
  jacket: G('M8 3.5 12 7l4-3.5 4 3V13h-2.5v8h-11v-8H4V6.5l4-3Z', 'M8 3.5 12 7l4-3.5 4 3V13h-2.5v8h-11v-8H4V6.5l4-3ZM12 7v14M9 15.5h.8M14.2 15.5h.8'),
  jeans: G('M6.5 3h11l1.5 18h-5l-2-11-2 11H5L6.5 3Z', 'M6.5 3h11l1.5 18h-5l-2-11-2 11H5L6.5 3ZM6.3 6h11.4'),
  shirt: G('M8.5 3.5c1 2 6 2 7 0l5.5 3-2 4.5-2-1V20.5H7V10l-2 1-2-4.5 5.5-3Z', 'M8.5 3.5c1 2 6 2 7 0l5.5 3-2 4.5-2-1V20.5H7V10l-2 1-2-4.5 5.5-3Z'),
  sneakers: G('M2.5 15.5V9l3 1.5L9 8l6 5.5 5 1c1 .3 1.5 1 1.5 2H2.5Z', 'M2.5 8.5 5.5 10 9 7.5l6 5.7 4.5 1c1.3.3 2 1.2 2 2.3v1.5h-19V8.5ZM10.2 11.5l1.8-1.3M12.7 13.6l1.7-1.3M2.5 15.5h19'),
  dress: G('M9 3.5 12 6l3-2.5 1 5-1.5 2.5 4 9.5h-13l4-9.5L8 8.5l1-5Z', 'M9 3.5 12 6l3-2.5 1 5-1.5 2.5 4 9.5h-13l4-9.5L8 8.5l1-5ZM9.5 11h5'),
  socks: G('M9 3h6v9.5l3 3c2 2.5-1 6-4 5L9 16V3Z', 'M9 3h6v9l3.2 3.3c2.3 3-1.2 6.6-4.2 5.2-2-1-5-3.5-5-5.5V3ZM9 6.5h6'),
  bagpack: G('M6 9a6 6 0 0 1 12 0v11.5H6V9Z', 'M6 9a6 6 0 0 1 12 0v11.5H6V9ZM9 13.5h6v4H9zM10 3.5V2h4v1.5'),
  lamp: G('M8 3h8l3.5 9h-15L8 3Z', 'M8 3h8l3.5 9h-15L8 3ZM12 12v8.5M8 20.5h8'),
  pillow: G('M4 6c5 1.5 11 1.5 16 0-1.2 4-1.2 8 0 12-5-1.5-11-1.5-16 0 1.2-4 1.2-8 0-12Z', 'M4 6c5 1.5 11 1.5 16 0-1.2 4-1.2 8 0 12-5-1.5-11-1.5-16 0 1.2-4 1.2-8 0-12ZM8 10.5c1 .3 2 .4 3 .4'),
  rug: G('M5 4.5h14v15H5z', 'M5 4.5h14v15H5zM5 7.5h14M5 16.5h14M12 9.5l2.5 2.5-2.5 2.5L9.5 12 12 9.5ZM7 19.5v2M12 19.5v2M17 19.5v2M7 2.5v2M12 2.5v2M17 2.5v2'),
  curtain: G('M4.5 4h6c0 8-2 12-6 14V4Zm15 0h-6c0 8 2 12 6 14V4Z', 'M3 4h18M4.5 4v16.5M19.5 4v16.5M10.5 4c0 8-2 12-6 14M13.5 4c0 8 2 12 6 14'),
  mirror: G('M12 17a6 7 0 1 0 0-14 6 7 0 0 0 0 14Z', 'M12 17a6 7 0 1 0 0-14 6 7 0 0 0 0 14ZM12 17v3.5M8.5 20.5h7M9.5 8.5 12 6'),
  shelf: G('M4 9h16v2.5H4zM4 18h16v2.5H4z', 'M4 3v18M20 3v18M4 11.5h16M4 18.5h16M7.5 11.5v-6M10 11.5v-7M15 18.5v-4h3v4'),
  chair: G('M7 3h10v9H7z', 'M7 3v18M17 12v9M17 3v9M7 12h10M7 3h10M7 16.5h10'),
  kettle: G('M7 8h10l1.5 12h-13L7 8Z', 'M7 8h10l1.5 12h-13L7 8ZM9 8a3 3 0 0 1 6 0M17.5 12h2a2 2 0 0 1 0 4h-1.5M7 10.5 4 9'),
  pan: G('M9.5 18a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13Z', 'M9.5 18a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13ZM14.3 16l6.2 4.5M9.5 15a3.5 3.5 0 0 1-3.5-3.5'),
  knife: G('M4 16C5 9 11 4 19.5 3 19 8.5 14 13.5 8 16.5L4 16Z', 'M19.5 3C11 4 5.5 9 4 16l5.5.5C14 13.5 19 8.5 19.5 3ZM6.7 16.3 4 21'),
  blender: G('M7 3h10l-1.5 11h-7L7 3Z', 'M7 3h10l-1.5 11h-7L7 3ZM8.5 14h7l1 6.5h-9l1-6.5ZM7.7 7.5h6M12 17.3h.01'),
  mug: G('M5 6h11v12a2.5 2.5 0 0 1-2.5 2.5h-6A2.5 2.5 0 0 1 5 18V6Z', 'M5 6h11v12a2.5 2.5 0 0 1-2.5 2.5h-6A2.5 2.5 0 0 1 5 18V6ZM16 9h1.5a3 3 0 0 1 0 6H16M8.5 3.5V2M12.5 3.5V2'),
  toaster: G('M3.5 9h17v9.5h-17z', 'M3.5 11a2 2 0 0 1 2-2h13a2 2 0 0 1 2 2v7.5h-17V11ZM7.5 9V4.5h9V9M17 14v1.5M6 18.5v1.5M18 18.5v1.5'),
  book: G('M5 3.5h13.5v14H7a2 2 0 0 0-2 2v-16Z', 'M5 19.5v-16h13.5v14H7a2 2 0 0 0 0 4h11.5v-4M9 7.5h5.5'),
  novel: G('M3.5 5.5C7 4.5 10 5 12 7v13c-2-2-5-2.5-8.5-1.5v-13Z', 'M12 7c2-2 5-2.5 8.5-1.5v13C17 17.5 14 18 12 20c-2-2-5-2.5-8.5-1.5v-13C7 4.5 10 5 12 7Zm0 0v13'),
  cookbook: G('M5 3h14v18H5z', 'M5 3h14v18H5zM8 3v18M12 12.5V17h4v-4.5a2 2 0 1 0-1-3.2 2 2 0 1 0-3 3.2Z'),
  atlas: G('M12 20a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17Z', 'M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17ZM3.5 12h17M12 3.5c5 5.5 5 11.5 0 17M12 3.5c-5 5.5-5 11.5 0 17'),
  biography: G('M5 3h14v18H5z', 'M5 3h14v18H5zM12 11a2.3 2.3 0 1 0 0-4.6 2.3 2.3 0 0 0 0 4.6ZM8.5 17c.5-2.5 2-3.5 3.5-3.5s3 1 3.5 3.5'),
  thriller: G('M5 3h14v18H5z', 'M5 3h14v18H5zM9.5 10.5a2.5 2.5 0 1 1 3.7 2.2c-.8.4-1.2.9-1.2 1.8M12 17.5h.01'),
  comic: G('M4 4h16v11h-8l-4 4.5V15H4V4Z', 'M4 4h16v11h-8l-4 4.5V15H4V4ZM8 8h8M8 11h5'),
  ball: G('M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17Z', 'M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17ZM12 8.5l3.3 2.4-1.3 3.9h-4l-1.3-3.9L12 8.5ZM12 8.5v-5M15.3 10.9l4.9-1.5M14 14.8l2.9 4.2M10 14.8 7.1 19M8.7 10.9 3.8 9.4'),
  tent: G('M12 4 21 20H3L12 4Z', 'M12 4 21.5 20h-19L12 4ZM12 4l-1-1.5M12 4l1-1.5M12 11l4.5 9h-9L12 11Z'),
  bottle: G('M8 10c0-1.5 1.5-2.5 1.5-4h5c0 1.5 1.5 2.5 1.5 4v11H8V10Z', 'M8 10c0-1.5 1.5-2.5 1.5-4h5c0 1.5 1.5 2.5 1.5 4v11H8V10ZM9.5 6V2.5h5V6M8 12.5h8M8 17h8'),
  racket: G('M14 3c4 0 6.5 2.5 6.5 5.5S17 15 13.5 14.5 8.5 11 9 8s2.5-5 5-5Z', 'M19 4.5c2 2 2 5.5-.5 8s-6.5 3-8.5 1-1.5-6 1-8.5 6-2.5 8-.5ZM9.5 14 4 20.5M11 7.5l6.5 6.5M14 5l5 5M16.5 6l-6 6'),
  mat: G('M5 14.5h15.5V20H6a3 3 0 0 1-1-5.5Z', 'M6 20a3 3 0 1 1 3-3V5.5h11.5V20H6ZM6 17h.01'),
  helmet: G('M3 15a9 9 0 0 1 18 0v1.5H3V15Z', 'M3 15a9 9 0 0 1 18 0v1.5H3V15ZM9 6.5v6M12 6v6.5M15 6.5v6M6 16.5v1.5a2 2 0 0 0 2 2'),
  bicycle: G('', 'M6 18.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7Zm12 0a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7ZM6 15l3.5-7h6l2.5 7M9.5 8l4 7H6M8 6.5h3M15.5 8l-.8-2.5H17'),
  cream: G('M4.5 11h15v9h-15z', 'M4.5 11h15v7.5a2 2 0 0 1-2 2h-11a2 2 0 0 1-2-2V11ZM6 6.5h12V11H6zM9 15.5h6'),
  perfume: G('M6 11h12v10H6z', 'M8 11h8a2 2 0 0 1 2 2v8H6v-8a2 2 0 0 1 2-2ZM10 11V7.5h4V11M10.5 7.5V4.5h3v3M16 5h.01M18.5 4h.01M18.5 6.5h.01M9 16.5h6'),
  shampoo: G('M7 9h10v12H7z', 'M9 9h6a2 2 0 0 1 2 2v10H7V11a2 2 0 0 1 2-2ZM12 9V5.5M8.5 5.5h5.5V3.5M8.5 5.5v1M10 14h4v4h-4z'),
  lipstick: G('M10 11V6l4-3v8h-4Z', 'M8 14h8v7H8zM9.5 14v-3h5v3M10 11V6l4-3v8'),
  soap: G('M5 11h14a3 3 0 0 1 0 8H5a3 3 0 0 1 0-8Z', 'M6.5 11h11a4 4 0 0 1 0 8h-11a4 4 0 0 1 0-8ZM8.5 15h7M9 7.5a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3ZM14.5 6.5h.01M16.5 8h.01'),
  brush: G('M8.5 3h7v9h-7z', 'M9.5 3h5a1.5 1.5 0 0 1 1.5 1.5V12H8V4.5A1.5 1.5 0 0 1 9.5 3ZM10.5 12h3v7.5a1.5 1.5 0 0 1-3 0V12ZM10.5 5.5v3M13.5 5.5v3'),
  puzzle: G('M4 9h4.5a2.2 2.2 0 1 1 4 0H17v4a2.2 2.2 0 1 1 0 4.3V21H4V9Z', 'M4 9h4.3a2.3 2.3 0 1 1 4.4 0H17v3.8a2.3 2.3 0 1 1 0 4.4V21H4V9Z'),
  blocks: G('M3.5 13h8v8h-8z', 'M3.5 13h8v8h-8zM12.5 13h8v8h-8zM8 4h8v8H8z'),
  doll: G('M12 10.5a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM8.5 12.5h7L18 21H6l2.5-8.5Z', 'M12 10.5a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM9.5 10l-3.5 11h12L14.5 10M10.7 6.5h.01M13.3 6.5h.01M8.5 13l-3.5 2M15.5 13l3.5 2'),
  kite: G('M13 2.5 20 8l-5.5 9L6 12.5l7-10Z', 'M13 2.5 20 8l-5.5 9L6 12.5l7-10ZM13 2.5l1.5 14.5M6 12.5 20 8M14.5 17c-1 3-4 1-5.5 3s-3 1.5-4 1'),
  robot: G('M5 8h14v11H5z', 'M5 8h14v11H5zM12 8V4.5M12 4.5h.01M9 12.5h.01M15 12.5h.01M9.5 15.8h5M2.5 11.5v4M21.5 11.5v4'),
  cards: G('M9 5.5 18.5 3.5 21 16.5l-9.5 2L9 5.5Z', 'M10 5 18.5 3.5 20.7 16.5l-8.5 1.5L10 5ZM9.5 8 4 9.5l3 11 8-2.3M15.3 8.5l1.7 2-1 2.3-1.8-1.8 1.1-2.5Z'),
  hose: G('M12 19a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13Z', 'M12 19.5a7 7 0 1 1 7-7M12 16a3.5 3.5 0 1 1 3.5-3.5M19 12.5V5h-4M15 3.5v3M12 12.5h.01M12 19.5h8'),
  rake: G('', 'M12 3v10M5 13h14M5 13v6.5M8.5 13v6.5M12 13v6.5M15.5 13v6.5M19 13v6.5'),
  seeds: G('M12 13c-5 0-6.5-3.5-6.5-8 5 0 6.5 3 6.5 8Zm0 3c0-4 2-6.5 6.5-6.5 0 4.5-2 6.5-6.5 6.5Z', 'M12 21v-8M12 13c-5 0-6.5-3.5-6.5-8 5 0 6.5 3 6.5 8ZM12 16c0-4 2-6.5 6.5-6.5 0 4.5-2 6.5-6.5 6.5ZM7 21h10'),
  planter: G('M6 13h12l-1.5 8h-9L6 13Z', 'M5.5 13h13l-2 8h-9l-2-8ZM12 13V6M12 9C9 9 7.5 7 7.5 4 10.5 4 12 6 12 9ZM12 11c0-2.5 1.5-4 4.5-4 0 3-1.5 4-4.5 4Z'),
  gloves: G('M7 11V5.5a1.5 1.5 0 0 1 3 0 1.5 1.5 0 0 1 3 0 1.5 1.5 0 0 1 3 0V12c2-1 3.5.5 2.5 2L16 17v4H8v-4c-1-2-1-4-1-6Z', 'M7 11V5.5a1.5 1.5 0 0 1 3 0V10 4.5a1.5 1.5 0 0 1 3 0V10 5.5a1.5 1.5 0 0 1 3 0V12c2-1.5 4 0 2.8 2L16 17.5v3.5H8v-4c-1-2-1-4-1-6ZM8 18.5h8'),
  grill: G('M4 8h16a8 8 0 0 1-16 0Z', 'M3.5 8h17a8.5 7 0 0 1-17 0ZM8.5 14.5 6 21.5M15.5 14.5l2.5 7M9 5c-1-1 1-1.5 0-2.5M12.5 5c-1-1 1-1.5 0-2.5M16 5c-1-1 1-1.5 0-2.5M7.3 18h9.4'),
  leash: G('M16 21a3 3 0 1 0 0-6 3 3 0 0 0 0 6Z', 'M6 3.5a3 3 0 0 0 0 6c5 0 2 7 7 8.5M6 3.5a3 3 0 0 1 2.5 4.5M16 21a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM16 15v-2.5'),
  basket: G('M3.5 11h17l-2 9.5h-13l-2-9.5Z', 'M3 11h18l-2.5 9.5h-13L3 11ZM7.5 11 10 4M16.5 11 14 4M9 14v3.5M12 14v3.5M15 14v3.5'),
  treats: G('M6.5 9.5a2.2 2.2 0 1 1 3-3l8 8a2.2 2.2 0 1 1-3 3l-8-8Z', 'M7 10a2.5 2.5 0 1 1-1.5-4.5A2.5 2.5 0 1 1 10 7l7 7a2.5 2.5 0 1 1 1.5 4.5A2.5 2.5 0 1 1 14 17l-7-7Z'),
  scratcher: G('M9.5 8h5v11h-5z', 'M6 4.5h12V8H6zM9.5 8h5v11h-5zM4 19h16v2H4zM9.5 11l5-1M9.5 13.5l5-1M9.5 16l5-1'),
  bowl: G('M3 11h18l-2.5 8h-13L3 11Z', 'M3 11h18l-2.5 8.5h-13L3 11ZM7 11a5 3 0 0 1 10 0M10 15.3h4'),
  aquarium: G('M3 8h18v12H3z', 'M3 4h18v16.5H3zM3 8h18M10 14.5c2-3 5.5-3 7 0-1.5 3-5 3-7 0Zm0 0-2.5-2v4l2.5-2ZM14.8 14h.01M6.5 11h.01'),
  electronics: G('M5 5h14v14H5z', 'M7 7h10v10H7zM10 3v4M14 3v4M10 17v4M14 17v4M3 10h4M3 14h4M17 10h4M17 14h4'),
  clothing: G('M3.5 17 12 11l8.5 6-1 2.5h-15l-1-2.5Z', 'M12 11 3.5 17c-1 .8-.5 2.5 1 2.5h15c1.5 0 2-1.7 1-2.5L12 11Zm0 0V9.5c2 0 3-1.2 3-2.7a3 3 0 0 0-6-.3'),
  home: G('M5 11v9.5h14V11l-7-6.5L5 11Z', 'M3 12.5 12 4l9 8.5M5.5 10.5v10h13v-10M10 20.5v-6h4v6'),
  kitchen: G('M5 10h14v8a2.5 2.5 0 0 1-2.5 2.5h-9A2.5 2.5 0 0 1 5 18v-8Z', 'M5 10h14v8a2.5 2.5 0 0 1-2.5 2.5h-9A2.5 2.5 0 0 1 5 18v-8ZM3 12.5h2M19 12.5h2M4 7.5h16M12 7.5V5.5'),
  sports: G('M12 4.5h5v6a5 5 0 0 1-10 0v-6h5Z', 'M7 4.5h10v6a5 5 0 0 1-10 0v-6ZM7 6.5H4c0 3 1 4.5 3.2 5M17 6.5h3c0 3-1 4.5-3.2 5M12 15.5v4.5M8.5 20.5h7'),
  beauty: G('M12 4c3 4 6 6.5 6 10.5a6 6 0 0 1-12 0C6 10.5 9 8 12 4Z', 'M12 3.5c3 4 6 6.5 6 10.8a6 6 0 0 1-12 0c0-4.3 3-6.8 6-10.8ZM9 14.5a3 3 0 0 0 2.5 3'),
  toys: G('M12 20a6 5.5 0 1 0 0-11 6 5.5 0 0 0 0 11Z', 'M12 20.5a7 6.5 0 1 0 0-13 7 6.5 0 0 0 0 13ZM6.5 9.5a2.5 2.5 0 1 1 2.3-4M17.5 9.5a2.5 2.5 0 1 0-2.3-4M9.5 13h.01M14.5 13h.01M10.5 16.5c.8.7 2.2.7 3 0'),
  garden: G('M12 14c-6 0-8-4-8-9 6 0 8 4 8 9Z', 'M12 21v-7M12 14c-6 0-8-4-8-9.5 6 0 8 4 8 9.5ZM12 16.5c0-4.5 3-7 8-7 0 5-3 7-8 7Z'),
  pets: G('M12 12c3 0 5.5 3 5.5 6s-3 2.5-5.5 2.5-5.5.5-5.5-2.5 2.5-6 5.5-6Z', 'M12 12c3 0 5.5 3 5.5 6s-3 2.5-5.5 2.5-5.5.5-5.5-2.5 2.5-6 5.5-6ZM5 12.5a1.7 2.2 0 1 0 0-4.4 1.7 2.2 0 0 0 0 4.4ZM19 12.5a1.7 2.2 0 1 0 0-4.4 1.7 2.2 0 0 0 0 4.4ZM9.3 8.5a1.7 2.4 0 1 0 0-4.8 1.7 2.4 0 0 0 0 4.8ZM14.7 8.5a1.7 2.4 0 1 0 0-4.8 1.7 2.4 0 0 0 0 4.8Z'),
};

/** Other words for what is drawn above. */
const SAME = {
  shoe: 'sneakers', shoes: 'sneakers', sneaker: 'sneakers', boots: 'sneakers', trainers: 'sneakers', footwear: 'sneakers',
  earbuds: 'headphones', headset: 'headphones', audio: 'headphones', screen: 'monitor', tv: 'monitor', television: 'monitor',
  smartphone: 'phone', mobile: 'phone', tablet: 'phone', notebook: 'laptop', computer: 'laptop', computers: 'laptop', clock: 'watch', watches: 'watch',
  coat: 'jacket', hoodie: 'jacket', trousers: 'jeans', pants: 'jeans', 't-shirt': 'shirt', tee: 'shirt', skirt: 'dress', apparel: 'clothing', fashion: 'clothing',
  backpack: 'bagpack', bag: 'bagpack', bags: 'bagpack', light: 'lamp', lighting: 'lamp', cushion: 'pillow', carpet: 'rug', bookcase: 'shelf', sofa: 'chair', furniture: 'chair', appliances: 'toaster',
  cup: 'mug', coffee: 'mug', tea: 'kettle', skillet: 'pan', books: 'book', magazine: 'book', stationery: 'book', map: 'atlas', football: 'ball', camping: 'tent', yoga: 'mat', bike: 'bicycle', sport: 'sports',
  fragrance: 'perfume', makeup: 'lipstick', cosmetics: 'lipstick', skincare: 'cream', toy: 'toys', games: 'cards', game: 'cards', plant: 'planter', plants: 'planter', flowers: 'seeds', outdoor: 'tent',
  pet: 'pets', dog: 'pets', cat: 'pets', fish: 'aquarium', kids: 'toys', house: 'home', decor: 'lamp', photography: 'camera', cooking: 'kitchen', health: 'beauty',
};

/** The drawing for a product: of a tag, else of a word of its name, else of its category; or undefined. */
export function glyphOf({ name = '', category = '', tags = [] }) {
  const words = [...tags, ...name.split(/\s+/).reverse(), ...category.split(/[\s.&/]+/).reverse()];
  for (const word of words) {
    const key = String(word).toLowerCase();
    const found = own(key) ?? own(Object.hasOwn(SAME, key) ? SAME[key] : undefined) ?? own(key.replace(/s$/, ''));
    if (found) return found;
  }
  return undefined;
}

// A tag may be called `constructor`: only what is drawn here counts.
function own(key) {
  return typeof key === 'string' && Object.hasOwn(GLYPHS, key) ? GLYPHS[key] : undefined;
}
