// A plot of the last hour. Screen readers get it in words.
import { attribute, el, svg, text } from './dom.js';
import { duration } from './format.js';

const width = 360; // one for each step of 10 seconds
const height = 48;

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
  const root = el('div', { class: 'figure' },
    el('div', { class: 'figure-head' }, el('span', { class: 'label' }, title), value, note),
    picture,
    el('div', { class: 'axis quiet', 'aria-hidden': 'true' }, el('span', {}, '1 h ago'), el('span', {}, 'now')));

  let points = [];
  let step = 10;
  let pointed = null; // the point under the pointer
  let summary = '';

  const read = () => {
    if (pointed === null || points[pointed] === undefined || points[pointed] === null) {
      text(note, summary);
      attribute(cursor, 'visibility', 'hidden');
      return;
    }
    const x = width - points.length + pointed + 0.5;
    attribute(cursor, 'x1', x);
    attribute(cursor, 'x2', x);
    attribute(cursor, 'visibility', 'visible');
    text(note, `${write(points[pointed])}, ${duration((points.length - 1 - pointed) * step)} ago`);
  };
  picture.addEventListener('pointermove', (event) => {
    const box = picture.getBoundingClientRect();
    pointed = Math.round((event.clientX - box.left) / box.width * width - (width - points.length) - 0.5);
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
      const most = Math.max(...known, 0);
      attribute(line, 'd', path(points, most, false));
      attribute(area, 'd', path(points, most, true));
      summary = known.length > 0 ? `at most ${write(most)}` : '';
      const mean = known.reduce((sum, v) => sum + v, 0) / known.length;
      attribute(picture, 'aria-label', known.length === 0 ? `${title}: nothing was measured yet`
        : `${title} over the last ${duration(known.length * step)}: at most ${write(most)}, on average ${write(mean)}`);
      read();
    },
  };
}

// path draws each run of known points. The newest is at the right edge.
function path(points, most, closed) {
  const scale = most > 0 ? (height - 3) / most : 0;
  const parts = [];
  let begin = null;
  const end = (x) => {
    if (begin !== null && closed) {
      parts.push(`V${height}H${begin}Z`);
    } else if (begin !== null) {
      parts.push(`H${x + 0.5}`); // a run of one point is to be seen too
    }
    begin = null;
  };
  points.forEach((value, i) => {
    const x = width - points.length + i + 0.5;
    if (value === null) {
      end(x - 1);
      return;
    }
    const y = (height - 1.5 - value * scale).toFixed(1);
    if (begin === null) {
      begin = x;
      parts.push(closed ? `M${x} ${height}V${y}` : `M${x} ${y}`);
    } else {
      parts.push(`L${x} ${y}`);
    }
  });
  end(width - 0.5);
  return parts.join('');
}
