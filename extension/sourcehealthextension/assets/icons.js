// The health icons: they differ in shape, not in colour only.
import { svg } from './dom.js';

const shapes = {
  ok: ['M12 2a10 10 0 1 0 0 20a10 10 0 1 0 0-20z', 'M7.5 12.5l3 3l6-6.5'],
  warning: ['M12 2.5L23 21.5H1z', 'M12 9.5v5.5M12 18v.4'],
  error: ['M8 2h8l6 6v8l-6 6H8l-6-6V8z', 'M8.5 8.5l7 7M15.5 8.5l-7 7'],
  unknown: ['M12 2a10 10 0 1 0 0 20a10 10 0 1 0 0-20z', 'M7.5 12h9'],
};

// icon makes an icon. It is decoration: what it means is said in words beside it.
export function icon(level) {
  const [body, mark] = shapes[level];
  return svg('svg', { class: `icon ${level}`, viewBox: '0 0 24 24', 'aria-hidden': 'true', focusable: 'false' },
    svg('path', { class: 'body', d: body }), svg('path', { class: 'mark', d: mark }));
}

// level says how bad things are: what is open decides, and where nothing is, whether records come.
export function level({ openErrors, openWarnings, state }) {
  if (openErrors) {
    return 'error';
  }
  if (openWarnings) {
    return 'warning';
  }
  return state === 'Collecting' ? 'ok' : 'unknown';
}
