// Curves over time, by uPlot, in the colours of the theme.

import uPlot from './vendor/uplot.js';
import { html, useEffect, useRef } from './vendor/htm-preact.js';
import { shortDay } from './format.js';
import { theme } from './theme.js';
import { useStore } from './store.js';

/** A colour of the stylesheet, for a canvas, which knows no variables. */
function colourOf(name) {
  const variable = /var\((--[\w-]+)\)/.exec(name)?.[1];
  return variable ? getComputedStyle(document.documentElement).getPropertyValue(variable).trim() : name;
}

/**
 * Draws `data` (`[times in seconds, values, …]`) with one of `series` each: `{name, colour, fill, width, dash, band}`.
 * What it shows is told in words by `label`; `clock` writes a time.
 */
export function Chart({ data, series, height = 200, label, format = String, clock = timeOfDay, points = false, max }) {
  const box = useRef(null);
  const plot = useRef(null);
  const dark = useStore(theme);
  const shape = series.map(({ name, colour, fill, dash }) => `${name}${colour}${fill}${dash}`).join();
  useEffect(() => {
    const faint = colourOf('var(--text-2)');
    const line = colourOf('var(--line)');
    const axis = {
      stroke: faint,
      font: '11px Inter, system-ui, sans-serif',
      ticks: { show: false },
      border: { show: false },
    };
    const made = new uPlot(
      {
        width: box.current.clientWidth || 300,
        height,
        padding: [10, 6, 0, 0],
        legend: { show: false },
        cursor: { y: false, points: { size: 7 }, drag: { x: false, y: false } },
        scales: { x: { time: true }, y: { range: (_, low, high) => [0, max ?? Math.max(high * 1.12, 0.0001)] } },
        axes: [
          { ...axis, grid: { show: false }, size: 26, gap: 4, space: 90, values: (_, ticks) => ticks.map(clock) },
          {
            ...axis,
            grid: { stroke: line, width: 1 },
            size: 44,
            gap: 6,
            space: 42,
            values: (_, ticks) => ticks.map(format),
          },
        ],
        series: [
          {},
          ...series.map(({ colour, fill, width = 1.75, dash, name }) => ({
            label: name,
            stroke: colourOf(colour),
            width,
            dash,
            points: { show: points, size: 6, fill: colourOf('var(--surface)') },
            fill: fill ? washed(colourOf(colour)) : undefined,
          })),
        ],
        hooks: { setCursor: [(self) => tell(self, box.current, series, format, clock)] },
      },
      data,
      box.current,
    );
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: box.current.clientWidth, height }));
    observer.observe(box.current);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [dark, shape, height, max]);
  useEffect(() => plot.current?.setData(data), [data]);
  return html`<div class="chart" ref=${box} role="img" aria-label=${label}><div class="chart-tip" hidden /></div>`;
}

function washed(colour) {
  return (self) => {
    const wash = self.ctx.createLinearGradient(0, self.bbox.top, 0, self.bbox.top + self.bbox.height);
    wash.addColorStop(0, withAlpha(colour, 0.16));
    wash.addColorStop(1, withAlpha(colour, 0));
    return wash;
  };
}

function withAlpha(colour, alpha) {
  const [, r, g, b] = /^#(..)(..)(..)$/.exec(colour) ?? [];
  return r ? `rgba(${[r, g, b].map((part) => parseInt(part, 16)).join()},${alpha})` : colour;
}

/** A time in seconds, as the axis has it. */
function timeOfDay(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString('en-GB');
}

/** A time in seconds as its day. */
export function dayOf(seconds) {
  return shortDay(seconds * 1000);
}

/** Shows the values under the pointer. */
function tell(self, box, series, format, clock) {
  const tip = box?.querySelector('.chart-tip');
  if (!tip) return;
  const { idx, left } = self.cursor;
  if (idx == null || left < 0) {
    tip.hidden = true;
    return;
  }
  const when = self.data[0][idx];
  tip.replaceChildren(
    line(clock(when), ''),
    ...series.map(({ name, colour }, at) => line(`${name} ${format(self.data[at + 1][idx] ?? 0)}`, colour)),
  );
  tip.hidden = false;
  const place = left + 60;
  tip.style.transform = `translateX(${Math.min(place, box.clientWidth - tip.offsetWidth - 4)}px)`;
}

function line(text, colour) {
  const row = document.createElement('span');
  if (colour) {
    const dot = document.createElement('i');
    dot.style.background = colour;
    row.append(dot);
  }
  row.append(text);
  return row;
}
