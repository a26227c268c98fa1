// The files of the console as they stand: small, plain modules that need nobody else.

import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';

const folder = new URL('../../src/http/console/', import.meta.url);
const names = (await readdir(folder, { recursive: true, withFileTypes: true }))
  .filter((entry) => entry.isFile())
  .map((entry) => `${entry.path ?? entry.parentPath}/${entry.name}`.replace(/\/+/g, '/').split('/console/')[1]);
const files = new Map(
  await Promise.all(names.map(async (name) => [name, await readFile(new URL(name, folder), 'utf8')])),
);
const own = names.filter((name) => name.endsWith('.js') && !name.startsWith('vendor/'));

const imports = (name) =>
  Array.from(files.get(name).matchAll(/from '([^']+)'/g), ([, path]) => path.replace(/^\.\//, ''));

test('modules import files that are there, no circle among them, and none is left over', () => {
  const used = new Set(['app.js']);
  const visit = (name, path) => {
    assert.ok(!path.includes(name), `a circle: ${[...path, name].join(' → ')}`);
    for (const next of imports(name)) {
      assert.ok(files.has(next), `${name} imports ${next}`);
      used.add(next);
      if (own.includes(next)) visit(next, [...path, name]);
    }
  };
  visit('app.js', []);
  assert.deepEqual(
    own.filter((name) => !used.has(name)),
    [],
  );
});

test('nothing is asked of another origin, and nothing is written as HTML', () => {
  for (const name of own) {
    const text = files.get(name).replace(/^\s*(\/\/|\*|\/\*).*$/gm, '');
    const addresses = Array.from(text.matchAll(/https?:\/\/[^\s<'"`]+/g), ([address]) => address);
    for (const address of addresses) assert.match(address, /^http:\/\/localhost:/, `${name}: ${address}`);
    assert.doesNotMatch(
      text,
      /innerHTML|outerHTML|insertAdjacentHTML|dangerously|document\.write|\beval\(|new Function/,
      name,
    );
  }
  assert.doesNotMatch(files.get('index.html'), /<script(?![^>]*src=)|<style|style=| on\w+=/);
});

test('all of it is small, and vendored parts have their licences', () => {
  const size = [...files.values()].reduce((sum, text) => sum + gzipSync(text).length, 0);
  assert.ok(size < 150_000, `${size} bytes, compressed`);
  for (const licence of ['htm', 'preact', 'uplot']) assert.ok(files.has(`vendor/LICENSE-${licence}.txt`), licence);
  for (const name of own) assert.ok(files.get(name).split('\n').length < 300, `${name} is long`);
  for (const name of own) assert.match(files.get(name), /^\/\/ /, `${name} says what it is`);
});
