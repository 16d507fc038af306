// Runs before any script of a document: time that only the driver moves, chance that repeats, no way out of the page.
// The driver's side of it is `__envbench`, which pages do not know.
(() => {
  'use strict';
  if (window.__envbench) return;
  const EPOCH = Date.UTC(2020, 0, 1, 12);
  const FRAME = 16;
  const MAX_CALLS = 20000; // of timers in one advance; more is a loop
  const native = {
    raf: window.requestAnimationFrame.bind(window),
    Date: window.Date,
  };
  let now = 0;
  let nextId = 1;
  let random = 0; // numbers drawn
  const timers = new Map(); // id -> {due, every, call, args, frame}
  const PROBE = 'F24'; // the driver's, to learn whether input arrives; no page hears of it
  let awake = false;
  window.addEventListener('keyup', (event) => {
    if (event.key !== PROBE) return;
    event.stopImmediatePropagation();
    awake = true;
  }, true);
  const counts = { dialogs: 0, popups: 0, errors: 0 };
  const listens = new WeakSet(); // elements with a mouse listener of their own

  const add = (call, delay, args, every, frame) => {
    const id = nextId++;
    const wait = Math.max(1, Math.min(2147483647, Math.floor(Number(delay) || 0)));
    const due = frame ? (Math.floor(now / FRAME) + 1) * FRAME : now + wait;
    timers.set(id, { id, due, every: every ? wait : 0, call, args, frame });
    return id;
  };
  const drop = (id) => { timers.delete(Number(id)); };
  window.setTimeout = function setTimeout(call, delay, ...args) { return add(call, delay, args, false, false); };
  window.setInterval = function setInterval(call, delay, ...args) { return add(call, delay, args, true, false); };
  window.requestAnimationFrame = function requestAnimationFrame(call) { return add(call, 0, [], false, true); };
  window.requestIdleCallback = function requestIdleCallback(call) {
    return add(() => call({ didTimeout: false, timeRemaining: () => 50 }), 1, [], false, false);
  };
  window.clearTimeout = function clearTimeout(id) { drop(id); };
  window.clearInterval = function clearInterval(id) { drop(id); };
  window.cancelAnimationFrame = function cancelAnimationFrame(id) { drop(id); };
  window.cancelIdleCallback = function cancelIdleCallback(id) { drop(id); };

  class SteppedDate extends native.Date {
    constructor(...args) {
      if (args.length) super(...args);
      else super(EPOCH + now);
    }
    static now() { return EPOCH + now; }
  }
  window.Date = new Proxy(SteppedDate, {
    apply: () => new SteppedDate().toString(),
  });
  Object.defineProperty(SteppedDate.prototype, 'constructor', { value: window.Date });
  const tells = (thing, name, get) => Object.defineProperty(thing, name, { get, configurable: true });
  Object.defineProperty(Performance.prototype, 'now', { value: () => now });
  tells(Performance.prototype, 'timeOrigin', () => EPOCH);
  for (const name of ['timing', 'navigation', 'memory', 'eventCounts']) tells(performance, name, () => undefined);
  for (const name of ['getEntries', 'getEntriesByName', 'getEntriesByType']) Performance.prototype[name] = () => [];
  for (const name of ['mark', 'measure']) {
    Performance.prototype[name] = (label) => ({ name: String(label), entryType: name, startTime: now, duration: 0 });
  }
  tells(Event.prototype, 'timeStamp', () => now);
  tells(AnimationTimeline.prototype, 'currentTime', () => now);
  tells(Document.prototype, 'lastModified', () => '01/01/2020 12:00:00');
  tells(File.prototype, 'lastModified', () => EPOCH);
  for (const name of ['format', 'formatToParts']) { // of no date they take the present one
    const own = Object.getOwnPropertyDescriptor(Intl.DateTimeFormat.prototype, name);
    const call = (format, date = EPOCH + now) => (own.get ? own.get.call(format)(date) : own.value.call(format, date));
    if (own.get) tells(Intl.DateTimeFormat.prototype, name, function get() { return (date) => call(this, date); });
    else Intl.DateTimeFormat.prototype[name] = function formatToParts(date) { return call(this, date); };
  }
  if ('Temporal' in window) Object.defineProperty(window, 'Temporal', { value: undefined });

  // Chance: mulberry32 until a page seeds a generator of its own; both are counted.
  let chaos = 0x9e3779b9;
  const draw = () => {
    chaos = (chaos + 0x6d2b79f5) | 0;
    let t = Math.imul(chaos ^ (chaos >>> 15), 1 | chaos);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  let source = draw;
  const counted = () => { random += 1; return source(); };
  Object.defineProperty(Math, 'random', { get: () => counted, set: (f) => { source = f; }, configurable: false });
  Crypto.prototype.getRandomValues = function getRandomValues(array) {
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    for (let i = 0; i < bytes.length; i++) bytes[i] = draw() * 256;
    return array;
  };
  if (Crypto.prototype.randomUUID) {
    Crypto.prototype.randomUUID = () => '00000000-0000-4000-8000-' + String(Math.floor(draw() * 1e12)).padStart(12, '0');
  }

  // Dialogs answer at once: an alert is read, a question is answered with yes, a prompt with its default.
  window.alert = () => { counts.dialogs += 1; };
  window.confirm = () => { counts.dialogs += 1; return true; };
  window.prompt = (_, value) => { counts.dialogs += 1; return value === undefined ? '' : String(value); };
  window.print = () => { counts.dialogs += 1; };
  window.open = () => { counts.popups += 1; return null; };
  for (const name of ['WebSocket', 'WebTransport', 'EventSource', 'RTCPeerConnection', 'webkitRTCPeerConnection',
    'Worker', 'SharedWorker', 'Notification', 'PaymentRequest', 'showOpenFilePicker', 'showSaveFilePicker',
    'showDirectoryPicker']) {
    if (name in window) Object.defineProperty(window, name, { value: undefined });
  }
  navigator.sendBeacon = () => false;

  // Nothing is kept from one document to the next, so nothing from one episode to the next.
  const storage = () => {
    const kept = new Map();
    return {
      getItem: (key) => kept.get(String(key)) ?? null,
      setItem: (key, value) => { kept.set(String(key), String(value)); },
      removeItem: (key) => { kept.delete(String(key)); },
      clear: () => kept.clear(),
      key: (place) => [...kept.keys()][place] ?? null,
      get length() { return kept.size; },
    };
  };
  for (const name of ['localStorage', 'sessionStorage']) Object.defineProperty(window, name, { value: storage() });
  for (const name of ['indexedDB', 'caches', 'cookieStore']) Object.defineProperty(window, name, { value: undefined });
  Object.defineProperty(Document.prototype, 'cookie', { get: () => '', set: () => {} });
  window.name = '';
  HTMLElement.prototype.requestFullscreen = () => Promise.reject(new TypeError('not here'));
  Element.prototype.requestPointerLock = () => {};
  HTMLInputElement.prototype.showPicker = () => {};
  if (window.HTMLSelectElement) HTMLSelectElement.prototype.showPicker = () => {};

  // Lists and pickers of the operating system would swallow the next input: a press on one focuses it and no more.
  const PICKERS = 'select:not([multiple]):not([size]), input[type=color], input[type=date], input[type=time], ' +
    'input[type=month], input[type=week], input[type=datetime-local], input[type=file]';
  window.addEventListener('mousedown', (event) => {
    const picker = event.target instanceof Element && event.target.closest(PICKERS);
    if (!picker || event.button !== 0) return;
    event.preventDefault();
    picker.focus({ preventScroll: true });
  }, true);
  window.addEventListener('click', (event) => {
    const picker = event.target instanceof Element && event.target.closest('input[type=color], input[type=file]');
    if (picker) event.preventDefault();
  }, true);

  // A clipboard of the document's own: the browser's is shared by all pages. What was marked is not pasted by the middle
  // button either, and what was typed cannot be undone: the document does not show what could be.
  let clipboard = '';
  const marked = () => {
    const text = getSelection().toString();
    const field = document.activeElement;
    return text || field?.value?.slice(field.selectionStart ?? 0, field.selectionEnd ?? 0) || '';
  };
  const command = Document.prototype.execCommand;
  const carry = (kind) => {
    const data = new DataTransfer();
    if (kind === 'paste') data.setData('text/plain', clipboard);
    const event = new ClipboardEvent(kind, { clipboardData: data, bubbles: true, cancelable: true });
    const free = (document.activeElement || document).dispatchEvent(event);
    if (kind === 'paste') return free && clipboard !== '' && command.call(document, 'insertText', false, clipboard);
    const text = free ? marked() : data.getData('text/plain');
    if (text !== '') clipboard = text;
    return free && kind === 'cut' && text !== '' ? command.call(document, 'delete') : text !== '';
  };
  const CARRIES = { c: 'copy', x: 'cut', v: 'paste', z: 'undo', y: 'undo' };
  const carries = (event) => {
    if (event.ctrlKey || event.metaKey) return event.key === 'Insert' ? 'copy' : CARRIES[event.key.toLowerCase()];
    return event.shiftKey ? { Insert: 'paste', Delete: 'cut' }[event.key] : undefined;
  };
  window.addEventListener('keydown', (event) => {
    const kind = carries(event);
    if (!kind || event.altKey || event.defaultPrevented) return;
    event.preventDefault();
    if (kind !== 'undo') carry(kind);
  });
  Document.prototype.execCommand = function execCommand(name, ...rest) {
    const kind = String(name).toLowerCase();
    if (['copy', 'cut', 'paste'].includes(kind)) return carry(kind);
    return ['undo', 'redo'].includes(kind) ? false : command.call(this, name, ...rest);
  };
  if (navigator.clipboard) {
    tells(navigator, 'clipboard', () => ({
      readText: () => Promise.resolve(clipboard),
      writeText: (text) => { clipboard = String(text); return Promise.resolve(); },
    }));
  }
  for (const name of ['mouseup', 'auxclick']) {
    window.addEventListener(name, (event) => { if (event.button === 1) event.preventDefault(); }, true);
  }

  // Where Tab starts from while nothing has the focus: what was pressed or had it last.
  let last = null;
  for (const name of ['mousedown', 'focusin']) {
    window.addEventListener(name, (event) => { last = event.composedPath()[0]; }, true);
  }
  window.addEventListener('error', () => { counts.errors += 1; });
  window.addEventListener('unhandledrejection', () => { counts.errors += 1; });

  const MOUSE = new Set(['click', 'mousedown', 'mouseup', 'dblclick', 'pointerdown', 'pointerup', 'mouseover',
    'mouseenter', 'mousemove', 'mouseout', 'mouseleave', 'contextmenu', 'dragstart', 'drop', 'touchstart']);
  const listen = EventTarget.prototype.addEventListener;
  EventTarget.prototype.addEventListener = function addEventListener(type, ...rest) {
    const target = this ?? window;
    if (MOUSE.has(type) && target instanceof Element) listens.add(target);
    return listen.call(target, type, ...rest);
  };

  // Nothing moves by itself, nothing blinks.
  const still = () => {
    const style = document.createElement('style');
    style.setAttribute('data-envbench', '');
    style.textContent = '*,*::before,*::after{animation:none!important;transition:none!important;' +
      'caret-color:transparent!important;scroll-behavior:auto!important}';
    document.documentElement.appendChild(style);
  };
  if (document.documentElement) still();
  else new MutationObserver((_, observer) => {
    if (document.documentElement) { observer.disconnect(); still(); }
  }).observe(document, { childList: true });

  const run = (timer) => {
    try {
      if (typeof timer.call === 'function') timer.call.apply(window, timer.frame ? [now] : timer.args);
      else (0, eval)(String(timer.call));
    } catch (error) {
      reportError(error);
    }
  };
  const earliest = (until) => {
    let first = null;
    for (const timer of timers.values()) {
      if (timer.due <= until && (!first || timer.due < first.due || (timer.due === first.due && timer.id < first.id))) {
        first = timer;
      }
    }
    return first;
  };
  const advance = async (ms) => {
    const until = now + ms;
    let calls = 0;
    for (let timer = earliest(until); timer; timer = earliest(until)) {
      if (++calls > MAX_CALLS) throw new Error(`more than ${MAX_CALLS} timers in ${ms} ms`);
      now = Math.max(now, timer.due);
      if (timer.every) timer.due = now + timer.every;
      else timers.delete(timer.id);
      run(timer);
      await null;
    }
    now = until;
    return calls;
  };

  // Pending timers: what they will do, when, how often; those in `ignored` decide nothing.
  const pending = (ignored) => [...timers.values()]
    .filter((timer) => !ignored.includes(timer.id))
    .sort((a, b) => a.due - b.due || a.id - b.id)
    .map((timer) => [timer.due - now, timer.every, String(timer.call).slice(0, 200), ...timer.args]);

  Object.defineProperty(window, '__envbench', {
    value: {
      advance, pending, counts, listens, native,
      get now() { return now; },
      get drawn() { return random; },
      get clipboard() { return clipboard; },
      get last() { return last; },
      get awake() { return awake; },
      resetDrawn() { random = 0; },
    },
  });
})();
