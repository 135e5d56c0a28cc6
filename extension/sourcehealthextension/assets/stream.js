// One stream of a source: one event type.
import { attribute, el, list, shown, text } from './dom.js';
import { age, ago, bytes, count, decimal, duration, exact, many } from './format.js';
import { plot } from './plot.js';

export function stream(first) {
  const title = el('h3', {}, first.eventType);
  const state = el('span', { class: 'pill' });
  const since = el('span', { class: 'quiet' });
  const errors = errorList(`What is wrong with ${first.eventType}`);
  const retry = notice();
  const gaps = notice();
  const records = plot('Records/s', (v) => `${decimal(v)}/s`);
  const volume = plot('Bytes/s', (v) => `${bytes(v)}/s`);
  const facts = {
    last: fact('Last record'),
    lag: fact('Lag', 'How far the time in the newest record lay behind when it was read'),
    read: fact('Records read', 'Since the collector was started or reloaded'),
    reconnects: fact('Reconnects', 'How often a session was lost and another opened, since the collector was started or reloaded'),
    saved: fact('Position saved', 'A restart goes on from there'),
    token: fact('Token expires'),
  };
  const root = el('article', { class: 'stream', 'aria-label': `Event type ${first.eventType}` },
    el('header', {}, title, state, since),
    errors.root, retry.root, gaps.root, records.root, volume.root,
    el('dl', { class: 'facts' }, ...Object.values(facts).map(({ root: node }) => node)));

  return {
    root,
    update(now) {
      text(state, now.state);
      attribute(state, 'class', `pill ${now.state.toLowerCase()}`);
      text(since, `for ${duration(age(now.since))}`);
      attribute(since, 'title', `since ${exact(now.since)}`);
      errors.update(now.errors, now.state === 'Error');
      retry.update(...retrying(now));
      gaps.update(...missing(now.gaps));
      records.update(now.recordsPerSecond);
      volume.update(now.bytesPerSecond);
      if (now.plot) {
        records.draw(now.plot.recordsPerSecond, now.plot.stepSeconds);
        volume.draw(now.plot.bytesPerSecond, now.plot.stepSeconds);
      }
      facts.last.time(now.lastRecord, 'none yet');
      facts.lag.set(now.lagSeconds === undefined ? 'not known' :
        duration(now.lagSeconds) + (now.state === 'Collecting' ? '' : ' at the last record'));
      facts.read.set(`${count(now.records)}, ${bytes(now.bytes)}` +
        (now.duplicates ? `; ${many(now.duplicates, 'repeat')} left out` : ''));
      facts.reconnects.set(count(now.reconnects) +
        (now.connectFailures ? `; ${many(now.connectFailures, 'attempt')} failed` : ''));
      facts.saved.time(now.positionSaved, 'not saved');
      facts.token.set(...expiry(now.tokenExpires));
    },
  };
}

// errorList lists what is wrong now, where something is. It is marked as serious where collection has stopped.
export function errorList(label) {
  const root = el('ul', { 'aria-label': label, hidden: '' });
  return {
    root,
    update(errors = [], serious = false) {
      attribute(root, 'class', serious ? 'errors serious' : 'errors');
      shown(root, errors.length > 0);
      list(root, errors, (error) => error, (error) => ({ root: el('li', {}, error), update() {} }));
    },
  };
}

// fact is a name and a value.
function fact(name, explanation) {
  const value = el('dd');
  const root = el('div', {}, el('dt', explanation ? { title: explanation } : {}, name), value);
  return {
    root,
    set(words, level = '', title = null) {
      text(value, words);
      attribute(value, 'class', level || null);
      attribute(value, 'title', title);
    },
    time(time, none) {
      if (time) {
        this.set(ago(time), '', exact(time));
      } else {
        this.set(none);
      }
    },
  };
}

// notice is a paragraph with a bar, where there is something to say.
function notice() {
  const words = el('p');
  const bar = el('progress', { max: 1 });
  const root = el('div', { class: 'notice', hidden: '' }, words, bar);
  return {
    root,
    // update gets the text, empty for none, and how far it is, from 0 to 1; undefined: there is no bar.
    update(message, part, label) {
      shown(root, message !== '');
      text(words, message);
      shown(bar, part !== undefined);
      if (part !== undefined) {
        bar.value = part;
        attribute(bar, 'aria-label', label);
      }
    },
  };
}

// retrying says how a stream tries to come back.
function retrying({ retry, since }) {
  if (!retry) {
    return [''];
  }
  const failed = retry.attempt ? `${many(retry.attempt, 'attempt')} failed. ` : '';
  if (retry.quit) {
    return [`${failed}It does not go on by itself.`];
  }
  if (retry.waitsForToken) {
    return [`${failed}It is tried again when there is another token.`];
  }
  if (!retry.deadline) {
    return [`${failed}It is tried again, for as long as it takes.`];
  }
  const left = -age(retry.deadline);
  return [`${failed}It is tried again; ${duration(left)} left, then it gives up.`,
    Math.min(Math.max(left / (left + age(since)), 0), 1), 'Time left before it gives up'];
}

// missing says what may have been missed, and how far it has been read from the archive.
function missing(gaps) {
  if (!gaps.open) {
    return [gaps.recovered ? `No gap is open; ${many(gaps.recovered, 'record')} came from the archive.` : ''];
  }
  const read = gaps.windowsRead;
  const all = read + gaps.windowsLeft;
  const oldest = gaps.oldest ? `, the oldest from ${exact(gaps.oldest)}` : '';
  const next = gaps.nextRead && age(gaps.nextRead) < 0 ? ` The archive has the next hour at ${exact(gaps.nextRead)}.` : '';
  return [`${many(gaps.open, 'gap')} open, ${duration(gaps.seconds)} in all${oldest}. ` +
    `Read from the archive: ${count(read)} of ${many(all, 'hour')}, ${many(gaps.recovered, 'record')}.${next}`,
  all > 0 ? read / all : 0, `Hours of the archive read for the gaps of this event type`];
}

// expiry says when a token ends, and marks it when that is soon.
function expiry(time) {
  if (!time) {
    return ['not known'];
  }
  const left = -age(time);
  if (left <= 0) {
    return [`${duration(-left)} ago`, 'bad', exact(time)];
  }
  return [`in ${duration(left)}`, left < 14 * 86400 ? 'soon' : '', exact(time)];
}
