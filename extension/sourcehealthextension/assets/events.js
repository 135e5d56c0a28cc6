// The panel of health events: what happened, what is still open, and what to do.
import { attribute, el, list, shown, text } from './dom.js';
import { ago, count, exact, many } from './format.js';
import { icon } from './icons.js';

const severities = ['Error', 'Warning', 'Info'];
const columns = [
  { name: 'Severity', value: (e) => severities.indexOf(e.severityLevel) },
  { name: 'Event', value: (e) => e.eventName },
  { name: 'Status', value: (e) => statuses.indexOf(status(e)) },
  { name: 'Source', value: (e) => `${e.resourceIdentity.name} ${e.details.eventType}` },
  { name: 'Began', value: (e) => Date.parse(began(e)) },
  { name: 'Last', value: (e) => Date.parse(e.lastTime) },
  { name: 'Count', value: (e) => e.count },
];
const statuses = ['Open', 'Resolved', 'Healthy'];

// status is what has become of an event. Healthy: it tells of good news itself.
function status(event) {
  return { open: 'Open', resolved: 'Resolved' }[event.state] ?? 'Healthy';
}

// began is when something went wrong: before this event, where that has taken the place of others.
function began(event) {
  return event.state ? event.details.since ?? event.eventTime : event.eventTime;
}

// eventsPanel runs the dialog. It returns how to show it, and how to tell it of events.
export function eventsPanel(dialog) {
  const events = new Map(); // by eventId
  const form = dialog.querySelector('form');
  const table = dialog.querySelector('table');
  const heads = columns.map((column) => head(column, () => sortBy(column)));
  let order = { column: columns[4], down: true }; // newest first

  dialog.querySelector('thead tr').append(...heads.map(({ root }) => root), el('th', { scope: 'col', role: 'columnheader' }, el('span', { class: 'unseen' }, 'Details')));
  dialog.querySelector('.close').addEventListener('click', () => dialog.close());
  // A click beside the panel closes it.
  dialog.addEventListener('click', (event) => event.target === dialog && dialog.close());
  form.addEventListener('change', draw);
  form.addEventListener('submit', (event) => event.preventDefault());

  function sortBy(column) {
    order = { column, down: order.column === column ? !order.down : column.name !== 'Severity' && column.name !== 'Status' };
    draw();
  }

  function wanted(event) {
    const { severity, name, status: state, source } = form.elements;
    return (!severity.value || severity.value === event.severityLevel)
      && (!name.value || name.value === event.eventName)
      && (!state.value || state.value === status(event))
      && (!source.value || source.value === event.resourceIdentity.id);
  }

  function draw() {
    if (!dialog.open) {
      return;
    }
    const all = [...events.values()];
    choices(form.elements.severity, severities.map((s) => [s, s]));
    choices(form.elements.status, statuses.map((s) => [s, s]));
    choices(form.elements.name, distinct(all, (e) => [e.eventName, e.eventName]));
    choices(form.elements.source, distinct(all, (e) => [e.resourceIdentity.id, named(e)]));
    heads.forEach(({ update }) => update(order));
    const { value } = order.column;
    const sign = order.down ? -1 : 1;
    const found = all.filter(wanted).sort((a, b) => sign * compare(value(a), value(b)) || compare(Date.parse(b.eventTime), Date.parse(a.eventTime)));
    list(table, found, (e) => e.eventId, row);
    shown(dialog.querySelector('.none'), found.length === 0);
    text(form.querySelector('.found'), found.length === all.length ? many(all.length, 'event') : `${count(found.length)} of ${many(all.length, 'event')}`);
  }

  return {
    // show opens the panel, with the events of one source, or of all.
    show(source = '') {
      dialog.showModal(); // the browser gives the focus back at the end
      form.reset();
      draw();
      form.elements.source.value = source;
      if (form.elements.source.value !== source) { // it has no events yet
        form.elements.source.append(el('option', { value: source }, source));
        form.elements.source.value = source;
      }
      draw();
    },
    // take takes events that are new or have changed; all: they are all there are.
    take(some, all) {
      if (all) {
        events.clear();
      }
      some.forEach((event) => events.set(event.eventId, event));
      draw();
    },
    // tick lets the times that are shown go on.
    tick: draw,
  };
}

function compare(a, b) {
  return a < b ? -1 : Number(a > b);
}

function named(event) {
  const { id, name } = event.resourceIdentity;
  return name && name !== id ? `${name} (${id})` : id;
}

function distinct(events, of) {
  return [...new Map(events.map(of)).entries()].sort(([a], [b]) => compare(a, b));
}

// choices fills a list of choices, and keeps what is chosen.
function choices(select, options) {
  const chosen = select.value;
  const wants = [['', 'All'], ...options];
  const has = [...select.options].map((o) => o.value);
  const missing = wants.filter(([value]) => !has.includes(value));
  select.append(...missing.map(([value, words]) => el('option', { value }, words)));
  select.value = chosen;
}

// head is the head of a column, by which one sorts.
function head(column, sort) {
  const root = el('th', { scope: 'col', role: 'columnheader' },
    el('button', { type: 'button', class: 'sort', onclick: sort }, column.name, el('span', { class: 'arrow', 'aria-hidden': 'true' })));
  return {
    root,
    update(order) {
      const direction = order.down ? 'descending' : 'ascending';
      attribute(root, 'aria-sort', order.column === column ? direction : null);
    },
  };
}

// row is one event, and under it, when it is opened, all that there is to say about it.
function row(first) {
  const told = el('dl');
  const details = el('tr', { class: 'details', role: 'row', hidden: '' }, el('td', { colspan: columns.length + 1, role: 'cell' }, told));
  const open = el('button', { type: 'button', class: 'plain', 'aria-expanded': 'false' }, 'Details');
  const cells = Object.fromEntries(columns.map(({ name }) => [name, el('td', { role: 'cell', 'data-label': name })]));
  const severity = el('span', { class: 'severity' }, icon(iconOf(first)), first.status === 'Healthy' ? 'Good news' : first.severityLevel);
  cells.Severity.append(severity);
  const state = el('span', { class: 'pill' });
  cells.Status.append(state);
  const root = el('tbody', { role: 'rowgroup' },
    el('tr', { class: 'event', role: 'row' }, ...Object.values(cells), el('td', { role: 'cell' }, open)), details);
  let event = first;

  const tell = () => {
    const { details: d } = event;
    const facts = [
      ['What happened, and what to do', d.errorInfo],
      ['Error', [d.error, d.errorCode && `HTTP status ${d.errorCode}`].filter(Boolean).join(', ')],
      ['Began', exact(began(event))],
      ['Began with', d.beganWith],
      ['Last time', event.count > 1 ? `${exact(event.lastTime)}, ${count(event.count)} times in all` : ''],
      ['Resolved', event.resolvedTime && [exact(event.resolvedTime), event.resolution].filter(Boolean).join(': ')],
      ['Source', named(event)],
      ['Event type', d.eventType],
      ['Tracker', d.trackerId],
      ['Event ID', event.eventId],
    ];
    list(told, facts.filter(([, value]) => value), ([name]) => name, fact);
  };
  open.addEventListener('click', () => {
    const opened = open.getAttribute('aria-expanded') !== 'true';
    attribute(open, 'aria-expanded', String(opened));
    shown(details, opened);
    tell();
  });

  return {
    root,
    update(now) {
      event = now;
      text(cells.Event, now.eventName);
      text(state, status(now));
      attribute(state, 'class', `pill ${status(now).toLowerCase()}`);
      text(cells.Source, [now.resourceIdentity.name, now.details.eventType].filter(Boolean).join(', '));
      time(cells.Began, began(now));
      time(cells.Last, now.lastTime);
      text(cells.Count, count(now.count));
      attribute(open, 'aria-label', `Details of ${now.eventName}, ${status(now)}`);
      if (!details.hidden) {
        tell();
      }
    },
  };
}

// fact is one line of what there is to say about an event.
function fact([name]) {
  const value = el('dd');
  return { root: el('div', {}, el('dt', {}, name), value), update: ([, now]) => text(value, now) };
}

function time(cell, at) {
  text(cell, ago(at));
  attribute(cell, 'title', exact(at));
}

function iconOf(event) {
  if (event.status === 'Healthy') {
    return 'ok';
  }
  return { Error: 'error', Warning: 'warning' }[event.severityLevel] ?? 'unknown';
}
