// A plot of the last hour, or of what there is of it. Screen readers get it in words.
import { attribute, el, svg, text } from './dom.js';
import { duration } from './format.js';

const width = 360;
const height = 48;
const spans = [120, 300, 900, 1800, 3600]; // seconds that a plot can show: the least that holds all there is

// plot draws one figure; write says how a value is written.
export function plot(title, write) {
  const area = svg('path', { class: 'area' });
  const line = svg('path', { class: 'line' });
  const cursor = svg('line', { class: 'cursor', y1: 0, y2: height, visibility: 'hidden' });
  const picture = svg('svg', {
    class: 'plot', viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': title,
  }, area, line, cursor);
  const value = el('span', { class: 'value' });
  const note = el('span', { class: 'quiet note' });
  const begin = el('span');
  const root = el('div', { class: 'figure' },
    el('div', { class: 'figure-head' }, el('span', { class: 'label' }, title), value, note),
    picture,
    el('div', { class: 'axis quiet', 'aria-hidden': 'true' }, begin, el('span', {}, 'now')));

  let points = [];
  let step = 10;
  let unit = 1; // the width of a step
  let pointed = null; // the point under the pointer
  let summary = '';

  const read = () => {
    if (pointed === null || points[pointed] === undefined || points[pointed] === null) {
      text(note, summary);
      attribute(cursor, 'visibility', 'hidden');
      return;
    }
    const x = width - (points.length - 1 - pointed) * unit;
    attribute(cursor, 'x1', x);
    attribute(cursor, 'x2', x);
    attribute(cursor, 'visibility', 'visible');
    text(note, `${write(points[pointed])}, ${duration((points.length - 1 - pointed) * step)} ago`);
  };
  picture.addEventListener('pointermove', (event) => {
    const box = picture.getBoundingClientRect();
    const left = (box.right - event.clientX) / box.width * width; // of the newest point
    pointed = points.length - 1 - Math.round(left / unit);
    read();
  });
  picture.addEventListener('pointerleave', () => {
    pointed = null;
    read();
  });

  return {
    root,
    // rate is the present value, null if it is not known.
    update(rate) {
      text(value, rate === null ? '–' : write(rate));
    },
    // draw takes the points, oldest first; null: not measured.
    draw(series, seconds) {
      points = series;
      step = seconds;
      const known = points.filter((v) => v !== null);
      const span = spans.find((s) => s >= (points.length - 1) * step) ?? spans.at(-1);
      unit = width * step / span;
      text(begin, `${duration(span)} ago`);
      const most = Math.max(...known, 0);
      attribute(line, 'd', path(points, unit, most, false));
      attribute(area, 'd', path(points, unit, most, true));
      summary = known.length > 0 ? `at most ${write(most)}` : '';
      const mean = known.reduce((sum, v) => sum + v, 0) / known.length;
      attribute(picture, 'aria-label', known.length === 0 ? `${title}: nothing was measured yet`
        : `${title} over the last ${duration(known.length * step)}: at most ${write(most)}, on average ${write(mean)}`);
      read();
    },
  };
}

// path draws each run of known points, each point being a step that ends at its place. The newest is at the right edge.
function path(points, unit, most, closed) {
  const scale = most > 0 ? (height - 3) / most : 0;
  const parts = [];
  let begin = null;
  let last = width;
  const end = () => {
    if (begin !== null && closed) {
      parts.push(`L${last} ${height}H${begin}Z`);
    }
    begin = null;
  };
  points.forEach((value, i) => {
    const x = width - (points.length - 1 - i) * unit;
    if (value === null) {
      end();
      return;
    }
    const y = (height - 1.5 - value * scale).toFixed(1);
    if (begin === null) {
      begin = x - unit;
      parts.push(closed ? `M${begin} ${height}V${y}` : `M${begin} ${y}`);
    }
    parts.push(`L${x} ${y}`);
    last = x;
  });
  end();
  return parts.join('');
}
