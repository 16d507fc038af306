// What the driver reads from a page. Nothing here changes the page, but `bring`, `focus`, `choose`, `put` and `scroll`.
(() => {
  'use strict';
  const eb = window.__envbench;
  if (!eb || eb.observe) return;
  const family = { skip: '', quiet: '', facts: () => ({}), ignored: () => [] };
  const NEVER = new Set(['SCRIPT', 'STYLE', 'LINK', 'NOSCRIPT', 'META', 'TEMPLATE', 'HEAD', 'TITLE', 'BASE']);
  const HELPERS = new Set(['data-wob_ref', 'data-wob_eps', 'data-tampered', 'data-envbench']);
  const SHAPES = new Set(['circle', 'rect', 'line', 'ellipse', 'polygon', 'polyline', 'path', 'text', 'image', 'use']);
  const ROLES = {
    button: 'button', summary: 'button', textarea: 'textbox', option: 'option', img: 'img', canvas: 'canvas',
    h1: 'heading', h2: 'heading', h3: 'heading', h4: 'heading', h5: 'heading', h6: 'heading', nav: 'navigation',
    main: 'main', form: 'form', dialog: 'dialog', table: 'table', tr: 'row', td: 'cell', th: 'columnheader',
    ul: 'list', ol: 'list', li: 'listitem', article: 'article', header: 'banner', footer: 'contentinfo',
    section: 'region', aside: 'complementary', fieldset: 'group', progress: 'progressbar', meter: 'meter', hr: 'separator',
  };
  const INPUTS = {
    checkbox: 'checkbox', radio: 'radio', button: 'button', submit: 'button', reset: 'button', image: 'button',
    range: 'slider', number: 'spinbutton', search: 'searchbox', color: 'colorpicker', date: 'date', time: 'time',
    file: 'file',
  };
  const FROM_CONTENT = new Set(['button', 'link', 'option', 'heading', 'tab', 'menuitem', 'treeitem', 'switch',
    'checkbox', 'radio', 'menuitemcheckbox', 'menuitemradio', 'columnheader', 'gridcell', 'tooltip']);
  const CONTROLS = new Set(['button', 'link', 'option', 'tab', 'menuitem', 'treeitem', 'switch', 'checkbox', 'radio',
    'textbox', 'searchbox', 'combobox', 'listbox', 'slider', 'spinbutton', 'colorpicker', 'date', 'time', 'file',
    'menuitemcheckbox', 'menuitemradio']);
  const squeeze = (text) => text.replace(/\s+/g, ' ').trim();
  const skipped = (element) => NEVER.has(element.tagName) || (family.skip !== '' && element.matches(family.skip));

  // Elements in document order, open shadow trees included; the place of one is its reference.
  const all = (root = document.body) => {
    const found = [];
    const visit = (parent) => {
      for (const child of parent.children) {
        if (skipped(child)) continue;
        found.push(child);
        if (child.shadowRoot) visit(child.shadowRoot);
        visit(child);
      }
    };
    if (root) visit(root);
    return found;
  };
  const at = (ref) => all()[ref];

  const pixels = (canvas) => {
    let hash = 0x811c9dc5;
    let other = 0;
    try {
      const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
      const words = new Uint32Array(data.buffer);
      for (let i = 0; i < words.length; i++) {
        hash = Math.imul(hash ^ words[i], 0x01000193);
        other = (Math.imul(other, 31) + words[i]) | 0;
      }
    } catch (_) {
      return 'unreadable';
    }
    return `${canvas.width}x${canvas.height}:${hash >>> 0}:${other >>> 0}`;
  };

  const framed = (element) => {
    try {
      const inner = element.contentDocument;
      return inner.body ? [inner.location.href, inner.body.innerHTML] : [];
    } catch (_) { // of another origin, so that it was never loaded
      return [];
    }
  };
  const properties = (element) => {
    const tag = element.tagName;
    const found = [];
    if (tag === 'INPUT') found.push(element.value, element.checked, element.indeterminate, element.disabled);
    else if (tag === 'TEXTAREA') found.push(element.value, element.disabled);
    else if (tag === 'SELECT') found.push([...element.selectedOptions].map((one) => one.index), element.disabled);
    else if (tag === 'DETAILS' || tag === 'DIALOG') found.push(element.open);
    else if (tag === 'CANVAS') found.push(pixels(element));
    else if (tag === 'BUTTON') found.push(element.disabled);
    else if (tag === 'IFRAME') found.push(framed(element));
    if (element.scrollTop || element.scrollLeft) found.push('scroll', element.scrollTop, element.scrollLeft);
    return found;
  };
  const attributes = (element) => {
    const found = [];
    for (const one of element.attributes) if (!HELPERS.has(one.name)) found.push([one.name, one.value]);
    return found.length > 1 ? found.sort((a, b) => (a[0] < b[0] ? -1 : 1)) : found;
  };

  const editable = (element) => element && (element.tagName === 'INPUT' || element.tagName === 'TEXTAREA');
  const caret = (element) => {
    try {
      const { selectionStart, selectionEnd, selectionDirection } = element;
      return selectionDirection === 'backward' ? [selectionStart, selectionEnd, selectionDirection] : [selectionStart, selectionEnd];
    } catch (_) {
      return [];
    }
  };

  // The canonical document: everything of it that may decide what comes next.
  const canonical = (elements) => {
    const place = new Map(elements.map((element, index) => [element, index]));
    const written = (element) => {
      const nodes = [];
      const children = (parent) => {
        for (const node of parent.childNodes) {
          if (node.nodeType === 3) {
            if (node.data !== '') nodes.push(node.data);
          } else if (node.nodeType === 1 && !skipped(node)) nodes.push(written(node));
        }
      };
      if (element.shadowRoot) {
        nodes.push('#shadow');
        children(element.shadowRoot);
        nodes.push('#light');
      }
      children(element);
      return [element.localName, attributes(element), properties(element), nodes];
    };
    const focused = document.activeElement;
    const selection = getSelection();
    const end = (node, offset) => {
      if (!node) return null;
      const element = node.nodeType === 1 ? node : node.parentElement;
      const index = element === document.body ? -1 : place.get(element);
      const child = node.nodeType === 1 || !element ? -1 : [...element.childNodes].indexOf(node);
      return index === undefined ? null : [index, child, offset];
    };
    const start = focused === document.body ? place.get(eb.last) : undefined; // where Tab goes on from
    return {
      root: document.documentElement ? attributes(document.documentElement) : null,
      body: document.body ? [attributes(document.body), written(document.body)] : null,
      focus: place.get(focused) ?? -1,
      start: start ?? -1,
      clipboard: eb.clipboard,
      caret: editable(focused) ? caret(focused) : [],
      selection: selection.isCollapsed && editable(focused) ? null : [
        end(selection.anchorNode, selection.anchorOffset), end(selection.focusNode, selection.focusOffset),
      ],
      scroll: [scrollX, scrollY],
      url: location.href,
    };
  };

  const role = (element) => {
    const given = element.getAttribute('role');
    if (given) return given.split(' ')[0];
    const tag = element.localName;
    if (tag === 'a') return element.hasAttribute('href') ? 'link' : '';
    if (tag === 'input') return element.type === 'hidden' ? '' : INPUTS[element.type] || 'textbox';
    if (tag === 'select') return element.multiple || element.size > 1 ? 'listbox' : 'combobox';
    if (element.isContentEditable && !(element.parentElement && element.parentElement.isContentEditable)) return 'textbox';
    if (SHAPES.has(tag) && element instanceof SVGElement) return tag;
    return ROLES[tag] || '';
  };
  const name = (element, kind) => {
    const labelled = element.getAttribute('aria-labelledby');
    if (labelled) {
      const text = labelled.split(/\s+/).map((id) => document.getElementById(id)?.textContent || '').join(' ');
      if (squeeze(text)) return squeeze(text);
    }
    const given = element.getAttribute('aria-label') || element.getAttribute('alt');
    if (given) return squeeze(given);
    if (element.labels && element.labels.length) {
      const text = squeeze([...element.labels].map((label) => label.textContent).join(' '));
      if (text) return text;
    }
    if (element.tagName === 'INPUT' && kind === 'button') return element.value;
    if (FROM_CONTENT.has(kind)) {
      const text = squeeze(element.textContent);
      if (text) return text;
    }
    return squeeze(element.getAttribute('placeholder') || element.getAttribute('title') || '');
  };
  const states = (element, kind) => {
    const found = [];
    const aria = (word) => element.getAttribute('aria-' + word);
    if (element.checked || aria('checked') === 'true') found.push('checked');
    if (element.disabled || aria('disabled') === 'true') found.push('disabled');
    if (element.readOnly) found.push('readonly');
    if ((element.tagName === 'OPTION' && element.selected) || aria('selected') === 'true') found.push('selected');
    if (aria('expanded') !== null) found.push(aria('expanded') === 'true' ? 'expanded' : 'collapsed');
    if (element === document.activeElement) found.push('focused');
    if (kind === 'heading' && /^h[1-6]$/.test(element.localName)) found.push('level=' + element.localName[1]);
    return found;
  };
  const value = (element, kind) => {
    if (element.tagName === 'SELECT') return [...element.selectedOptions].map((one) => squeeze(one.text)).join(', ');
    if (element.tagName === 'TEXTAREA') return element.value;
    if (element.tagName === 'INPUT') return kind === 'button' || kind === 'checkbox' || kind === 'radio' ? '' : element.value;
    if (element.isContentEditable && kind === 'textbox') return squeeze(element.textContent);
    return element.getAttribute('aria-valuenow') || '';
  };
  const look = (element, kind) => {
    if (!SHAPES.has(kind)) return '';
    const fill = element.getAttribute('fill') || element.style.fill;
    const text = kind === 'text' ? squeeze(element.textContent) : '';
    const size = kind === 'text' && element.getAttribute('font-size') ? ' size=' + element.getAttribute('font-size') : '';
    return (text ? JSON.stringify(text) : '') + (fill ? ' fill=' + fill : '') + size;
  };
  const clickable = (element, kind) => CONTROLS.has(kind) || eb.listens.has(element) || element.onclick !== null ||
    element.onmousedown !== null || element.isContentEditable;

  // Rows of what can be seen: [reference, depth, role, name, value, states, look, box, clickable]; text: [-1, depth, "", text].
  const rows = (elements) => {
    const place = new Map(elements.map((element, index) => [element, index]));
    const found = [];
    const visit = (element, depth) => {
      if (family.quiet && element.matches(family.quiet)) return;
      if (element.tagName === 'LABEL' && element.control) { // its text is the name of what it labels
        inner(element, depth);
        return;
      }
      const kind = role(element);
      const option = element.tagName === 'OPTION' || element.tagName === 'OPTGROUP';
      let below = depth;
      let closed = false;
      if (option || element.checkVisibility({ visibilityProperty: true, opacityProperty: true })) {
        const box = option ? new DOMRect(0, 0, 0, 0) : element.getBoundingClientRect();
        if (option || (box.width > 0 && box.height > 0)) {
          const active = clickable(element, kind);
          let direct = '';
          for (const node of element.childNodes) if (node.nodeType === 3) direct += node.data;
          const label = name(element, kind);
          if (kind || active || squeeze(direct)) {
            const quietly = !kind && !active && !label;
            closed = FROM_CONTENT.has(kind) || kind === 'text' || kind === 'textbox' && element.isContentEditable;
            const text = !kind && element.children.length === 0 ? squeeze(direct) : label;
            if (!kind && element.children.length === 0) closed = true;
            found.push([place.get(element), depth, kind, text, value(element, kind), states(element, kind),
              look(element, kind), [box.x, box.y, box.width, box.height], active && !quietly]);
            below = depth + 1;
          }
        }
      } else if (getComputedStyle(element).display === 'none') return;
      if (element.localName === 'textarea') return;
      for (const node of (element.shadowRoot || element).childNodes) {
        if (node.nodeType === 3) {
          const text = closed ? '' : squeeze(node.data);
          if (text && element.tagName !== 'SELECT') found.push([-1, below, '', text]);
        } else if (node.nodeType === 1 && !skipped(node)) {
          if (!closed) visit(node, below);
          else inner(node, below);
        }
      }
    };
    // Inside of what is named by its content only controls count.
    const inner = (element, depth) => {
      const kind = role(element);
      if (CONTROLS.has(kind) || eb.listens.has(element)) visit(element, depth);
      else for (const child of element.children) if (!skipped(child)) inner(child, depth);
    };
    if (document.body) for (const child of document.body.childNodes) {
      if (child.nodeType === 3) {
        if (squeeze(child.data)) found.push([-1, 0, '', squeeze(child.data)]);
      } else if (child.nodeType === 1 && !skipped(child)) visit(child, 0);
    }
    return found;
  };

  // A copy in an inert document, so that nothing loads twice and no observer hears of the references. What was typed,
  // checked and chosen stands in its attributes, as BrowserGym has it.
  const html = () => {
    if (!document.documentElement) return '';
    const inert = document.implementation.createHTMLDocument('');
    const copy = inert.importNode(document.documentElement, true);
    let ref = 0;
    const number = (original, copied) => {
      [...original.children].forEach((mine, place) => {
        const theirs = copied.children[place];
        if (skipped(mine)) return;
        theirs.setAttribute('bid', ref++);
        if (mine.shadowRoot) ref += all(mine.shadowRoot).length;
        if (mine.tagName === 'TEXTAREA') theirs.textContent = mine.value;
        if (['checkbox', 'radio'].includes(mine.type)) theirs.toggleAttribute('checked', mine.checked);
        else if (mine.tagName === 'INPUT') theirs.setAttribute('value', mine.value);
        if (mine.tagName === 'OPTION') theirs.toggleAttribute('selected', mine.selected);
        number(mine, theirs);
      });
    };
    if (document.body) number(document.body, copy.querySelector('body'));
    for (const one of copy.querySelectorAll('script,style,link,noscript,meta,template')) one.remove();
    if (family.skip) for (const one of copy.querySelectorAll(family.skip)) one.remove();
    for (const one of copy.querySelectorAll('*')) for (const helper of HELPERS) one.removeAttribute(helper);
    return copy.outerHTML;
  };

  // Plain data that page scripts keep in globals of their own.
  const builtin = new Set(Object.getOwnPropertyNames(window));
  const plain = (thing, depth, budget) => {
    if (budget.left-- <= 0) return '…';
    if (thing === null || typeof thing === 'boolean' || typeof thing === 'string') return thing;
    if (typeof thing === 'number') return Number.isFinite(thing) ? thing : String(thing);
    if (typeof thing !== 'object' || depth > 5) return undefined;
    if (thing instanceof Date) return thing.getTime();
    if (thing instanceof Map || thing instanceof Set) thing = [...thing];
    if (Array.isArray(thing)) return thing.map((one) => plain(one, depth + 1, budget) ?? null);
    const kind = Object.getPrototypeOf(thing);
    if (kind !== Object.prototype && kind !== null) return undefined;
    const copy = {};
    for (const key of Object.keys(thing).sort()) {
      const kept = plain(thing[key], depth + 1, budget);
      if (kept !== undefined) copy[key] = kept;
    }
    return copy;
  };
  const constant = new Set();
  const LARGE = 2000; // values; what starts larger than this is taken for data that do not change
  const globals = (excluded, first) => {
    const found = {};
    for (const key of Object.keys(window).sort()) {
      if (builtin.has(key) || excluded.includes(key) || constant.has(key)) continue;
      const budget = { left: LARGE };
      const kept = plain(window[key], 0, budget);
      if (first && budget.left <= 0) constant.add(key);
      else if (kept !== undefined) found[key] = kept;
    }
    return found;
  };

  const rules = (sheet) => {
    try {
      return [...sheet.cssRules];
    } catch (_) { // of another origin, so that it was never loaded
      return [];
    }
  };
  // Whether a style sheet shows another picture where the mouse is: what is hovered over has no size until that is there.
  let sheets = -1;
  let swapping = false;
  const swaps = () => {
    if (sheets === document.styleSheets.length) return swapping;
    sheets = document.styleSheets.length;
    swapping = [...document.styleSheets].flatMap(rules).some(
      (rule) => rule.selectorText?.includes(':hover') && rule.style.content.includes('url('));
    return swapping;
  };

  const observe = (wanted) => {
    const elements = all();
    const canon = canonical(elements);
    const mouse = wanted.mouse && document.elementFromPoint(wanted.mouse[0], wanted.mouse[1]);
    canon.held = wanted.held;
    canon.hover = mouse ? elements.indexOf(mouse) : -1;
    if (wanted.pointed) canon.mouse = wanted.pointed; // where a reference led depends on the machine's fonts
    canon.timers = eb.pending(family.ignored()).map((timer) => plain(timer, 0, { left: LARGE }));
    canon.drawn = eb.drawn;
    const facts = family.facts();
    return JSON.stringify({
      canon: JSON.stringify([canon, facts.hidden ?? null]),
      rows: rows(elements),
      facts: facts.shown ?? {},
      now: eb.now,
      counts: eb.counts,
      title: document.title,
      url: location.href,
      html: wanted.html ? html() : null,
      swaps: swaps(),
    });
  };

  // For oracles: every element with what it holds.
  const describe = () => {
    const elements = all();
    return elements.map((element, ref) => {
      const box = element.getBoundingClientRect();
      const attrs = {};
      for (const one of element.attributes) if (!HELPERS.has(one.name)) attrs[one.name] = one.value;
      return {
        ref, tag: element.localName, id: element.id, classes: [...element.classList], text: squeeze(element.textContent),
        own: squeeze([...element.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data).join(' ')),
        value: typeof element.value === 'string' ? element.value : '', checked: Boolean(element.checked), attrs,
        box: [box.x, box.y, box.width, box.height], parent: elements.indexOf(element.parentElement),
        visible: box.width > 0 && box.height > 0 && element.checkVisibility({ visibilityProperty: true }),
      };
    });
  };

  const middle = (element) => {
    const box = [...element.getClientRects()].find((one) => one.width > 0 && one.height > 0);
    if (!box) return null;
    const left = Math.max(box.left, 0);
    const top = Math.max(box.top, 0);
    const right = Math.min(box.right, innerWidth);
    const bottom = Math.min(box.bottom, innerHeight);
    return right > left && bottom > top ? [(left + right) / 2, (top + bottom) / 2] : null;
  };
  // Can it be acted on? "" or why not. Changes nothing. What follows is told "" or the same, and acts only then.
  const UNTYPED = ['checkbox', 'radio', 'button', 'submit', 'reset', 'image', 'file', 'hidden'];
  const refusal = (element, need) => {
    if (!element) return 'there is no such element';
    const box = element.getBoundingClientRect();
    if (!(box.width > 0 && box.height > 0) || !element.checkVisibility({ visibilityProperty: true })) return 'it is not visible';
    if (need === 'place') return '';
    if (element.disabled) return 'it is disabled';
    if (need === 'text') {
      const tag = element.tagName;
      if (tag !== 'INPUT' && tag !== 'TEXTAREA' && !element.isContentEditable) return 'nothing can be typed into it';
      if (tag === 'INPUT' && UNTYPED.includes(element.type)) return 'nothing can be typed into it';
      if (element.readOnly) return 'it is read-only';
    }
    return '';
  };
  const check = (ref, need) => refusal(at(ref), need);
  const checked = (ref) => Boolean(at(ref)?.checked);
  // Bring it into the window and return the middle of what is seen of it.
  const aim = (ref, need) => {
    const element = at(ref);
    const reason = refusal(element, need);
    if (reason) return reason;
    const box = element.getBoundingClientRect();
    const seen = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
    if (!seen || !(element === seen || element.contains(seen))) {
      element.scrollIntoView({ block: 'nearest', inline: 'nearest', behavior: 'instant' });
    }
    if (middle(element)) return middle(element);
    const now = element.getBoundingClientRect(); // out of reach: the click will meet nothing
    return [now.left + now.width / 2, now.top + now.height / 2];
  };
  const changed = (element) => {
    element.dispatchEvent(new Event('input', { bubbles: true }));
    element.dispatchEvent(new Event('change', { bubbles: true }));
  };
  const choose = (ref, wanted) => {
    const element = at(ref);
    if (!element) return 'there is no such element';
    if (element.tagName !== 'SELECT' || element.disabled) return 'it is no list to choose from';
    const options = [...element.options];
    const found = wanted.map((text) => options.find((one) => squeeze(one.text) === squeeze(text)) ||
      options.find((one) => one.value === text));
    if (!found.every((one) => one && !one.disabled) || (!element.multiple && found.length !== 1)) return 'it has no such option';
    element.focus({ preventScroll: true });
    for (const option of options) option.selected = found.includes(option);
    changed(element);
    return '';
  };
  const focus = (ref) => {
    const reason = check(ref, 'box');
    if (!reason) at(ref).focus({ preventScroll: true });
    return reason;
  };
  // Make ready for typing `text`, with what is there selected or the caret behind it. What takes no keys (a slider, a
  // date) gets the text at once: then false is returned, else true.
  const KEYLESS = ['range', 'color', 'date', 'time', 'month', 'week', 'datetime-local'];
  const enter = (ref, whole, text) => {
    const element = at(ref);
    const reason = refusal(element, 'text');
    if (reason) return reason;
    element.scrollIntoView({ block: 'nearest', inline: 'nearest', behavior: 'instant' });
    element.focus({ preventScroll: true });
    if (element.tagName === 'INPUT' && KEYLESS.includes(element.type)) {
      Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(element, text);
      changed(element);
      return false;
    }
    if (element.select && whole) element.select();
    else if (editable(element)) {
      try {
        element.setSelectionRange(element.value.length, element.value.length);
      } catch (_) { /* of a type without a caret */ }
    } else {
      const range = document.createRange();
      range.selectNodeContents(element);
      if (!whole) range.collapse(false);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
    }
    return true;
  };
  // Scroll what lies at an element (or a point, or at -1 the middle of the window) as a wheel would, in one go.
  const scroll = (where, dx, dy) => {
    const named = typeof where === 'number' && where >= 0;
    const reason = named ? check(where, 'place') : '';
    if (reason) return reason;
    const point = Array.isArray(where) ? where : [innerWidth / 2, innerHeight / 2];
    const start = named ? at(where) : document.elementFromPoint(...point) || document.body;
    const event = new WheelEvent('wheel', { deltaX: dx, deltaY: dy, bubbles: true, cancelable: true });
    if (!start || !start.dispatchEvent(event)) return '';
    const room = (element) => {
      const style = getComputedStyle(element);
      const open = (axis) => element === document.scrollingElement || ['auto', 'scroll'].includes(style['overflow' + axis]) ||
        element.tagName === 'TEXTAREA';
      return (dy !== 0 && open('Y') && element.scrollHeight > element.clientHeight) ||
        (dx !== 0 && open('X') && element.scrollWidth > element.clientWidth);
    };
    let element = start;
    while (element && !room(element)) element = element.parentElement;
    (element || document.scrollingElement || document.documentElement).scrollBy({ left: dx, top: dy, behavior: 'instant' });
    return '';
  };

  // Move the clock and look at once; with `still` only where no timer ran, so that there is nothing to settle.
  const moved = async (ms, wanted, still) => {
    const ran = await eb.advance(ms);
    return still && ran > 0 ? '' : observe(wanted);
  };

  Object.assign(eb, {
    family, observe, moved, describe, check, checked, aim, choose, focus, enter, scroll, globals, squeeze, place: (ref) => middle(at(ref)),
    matching: (selector) => all().flatMap((one, ref) => (one.matches(selector) ? [ref] : [])),
  });
})();
