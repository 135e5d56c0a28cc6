// How numbers and times are written.

const language = 'en';
const whole = new Intl.NumberFormat(language, { maximumFractionDigits: 0 });
const fine = new Intl.NumberFormat(language, { maximumSignificantDigits: 3 });
const moment = new Intl.DateTimeFormat(undefined, {
  year: 'numeric', month: 'short', day: 'numeric', hour: 'numeric', minute: '2-digit', second: '2-digit', timeZoneName: 'short',
});

// The clock of the collector counts, not that of this machine: its time, and when it was heard.
let heard = { time: Date.now(), at: performance.now() };

// heardTime notes what time the collector says it is.
export function heardTime(time) {
  heard = { time: Date.parse(time), at: performance.now() };
}

// now is the collector's time, in milliseconds.
export function now() {
  return heard.time + performance.now() - heard.at;
}

export function count(n) {
  return whole.format(n);
}

// many writes "1 gap", "3 gaps".
export function many(n, one, more = `${one}s`) {
  return `${whole.format(n)} ${n === 1 ? one : more}`;
}

export function decimal(n) {
  return n >= 1000 ? whole.format(n) : fine.format(n);
}

const units = ['B', 'kB', 'MB', 'GB', 'TB'];

export function bytes(n) {
  let unit = 0;
  while (n >= 999.5 && unit < units.length - 1) {
    n /= 1000;
    unit++;
  }
  return `${fine.format(n)} ${units[unit]}`;
}

// duration writes seconds with the two largest units: "1 h 23 min".
export function duration(seconds) {
  const s = Math.max(Math.round(seconds), 0);
  const parts = [[Math.floor(s / 86400), 'd'], [Math.floor(s / 3600) % 24, 'h'], [Math.floor(s / 60) % 60, 'min'], [s % 60, 's']];
  const first = parts.findIndex(([n]) => n > 0);
  if (first < 0) {
    return '0 s';
  }
  return parts.slice(first, first + 2).filter(([n]) => n > 0).map(([n, unit]) => `${n} ${unit}`).join(' ');
}

// seconds between a time and now.
export function age(time) {
  return (now() - Date.parse(time)) / 1000;
}

// ago writes how long ago a time was.
export function ago(time) {
  const seconds = age(time);
  return seconds < 2 ? 'just now' : `${duration(seconds)} ago`;
}

// exact writes a time in full, in this machine's time zone, and names that: logs are often in another.
export function exact(time) {
  return moment.format(new Date(time));
}

// health writes how many errors and warnings there are.
export function health({ openErrors, openWarnings }) {
  const parts = [];
  if (openErrors) {
    parts.push(many(openErrors, 'error'));
  }
  if (openWarnings) {
    parts.push(many(openWarnings, 'warning'));
  }
  return parts.join(', ') || 'No errors or warnings';
}
