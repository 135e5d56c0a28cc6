// The table of the collector's components.
import { attribute, el, list, shown, text } from './dom.js';
import { ago, count, exact } from './format.js';

// components shows them in a section of the page.
export function components(section) {
  const body = section.querySelector('tbody');
  return (all) => {
    shown(section, all.length > 0);
    list(body, all, (c) => `${c.kind} ${c.id} ${c.pipelines ?? ''}`, row);
  };
}

const levels = {
  StatusOK: 'ok', StatusRecoverableError: 'warning', StatusPermanentError: 'error', StatusFatalError: 'error',
};

function row(first) {
  const status = el('span', { class: 'pill' });
  const since = el('td');
  const error = el('td', { class: 'long' });
  const root = el('tr', {},
    el('th', { scope: 'row' }, el('code', {}, first.id), el('span', { class: 'quiet' }, ` ${first.kind}`)),
    el('td', {}, (first.pipelines ?? []).join(', ')),
    el('td', {}, status), since, error);
  return {
    root,
    update(now) {
      const { dropped } = now;
      text(status, dropped ? `drops records: ${count(dropped.records)}` : now.status.replace('Status', '').replace(/(?<=[a-z])(?=[A-Z])/, ' ').toLowerCase().replace('ok', 'OK'));
      attribute(status, 'class', `pill ${dropped ? 'error' : levels[now.status] ?? 'unknown'}`);
      const began = dropped?.since ?? now.since;
      text(since, ago(began));
      attribute(since, 'title', exact(began));
      text(error, dropped?.error ?? now.error);
    },
  };
}
