// The connection to the collector: server-sent events, again and again. A collector that is reloaded ends the connection
// and is there again soon.

const silence = 6000; // milliseconds without a word after which the connection counts as lost; there is one each second
const firstWait = 500;
const longestWait = 5000;

// connect calls the functions with what the collector says, and says whether it is there.
export function connect({ sources, events, state }) {
  let source = null;
  let wait = firstWait;
  let silent = 0;

  const lose = () => {
    clearTimeout(silent);
    source.close();
    state('lost');
    setTimeout(open, wait);
    wait = Math.min(wait * 2, longestWait);
  };
  const alive = () => {
    clearTimeout(silent);
    silent = setTimeout(lose, silence);
  };
  const open = () => {
    source = new EventSource('api/v1/stream');
    let first = true;
    source.addEventListener('error', lose);
    source.addEventListener('sources', (message) => {
      wait = firstWait;
      alive();
      sources(JSON.parse(message.data));
      state('live');
    });
    source.addEventListener('health-events', (message) => {
      events(JSON.parse(message.data).events, first);
      first = false;
    });
    alive();
  };
  open();
}
