// What was done to the page since it was served, for the driver: nothing of what the page itself says.
(() => {
  'use strict';
  const place = (node) => {
    const element = node && (node.nodeType === 1 ? node : node.parentElement);
    return [...document.querySelectorAll('body *')].indexOf(element);
  };
  const facts = () => {
    const inputs = [...document.querySelectorAll('input')];
    const typed = inputs.flatMap((one, index) => (one.value === one.defaultValue ? [] : [[index, one.value]]));
    const checked = inputs.flatMap((one, index) => (one.checked === one.defaultChecked ? [] : [[index, one.checked]]));
    const focused = document.activeElement;
    const start = focused === document.body ? place(__envbench.last) : -1; // where Tab goes on from
    const caret = focused && focused.type === 'search' ? [focused.selectionStart, focused.selectionEnd] : [];
    if (focused && focused.selectionDirection === 'backward') caret.push('backward');
    const marked = getSelection();
    const selection = marked.isCollapsed ? []
      : [place(marked.anchorNode), marked.anchorOffset, place(marked.focusNode), marked.focusOffset];
    const scrolled = [...document.querySelectorAll('html, body, .task, main, input')]
      .flatMap((one) => [one.scrollLeft, one.scrollTop]);
    return {
      shown: {
        input: { typed, checked, focus: place(focused), start, caret, selection },
        sight: { scrolled: scrolled.some(Boolean) ? scrolled : [] },
      },
    };
  };
  __envbench.family.facts = facts;

  // A click that gives nothing the focus leaves no trace: Tab starts from the top again, as on the page as served.
  const forget = () => {
    if (document.activeElement !== document.body) return;
    const top = document.createElement('span');
    top.tabIndex = -1;
    document.body.prepend(top);
    top.focus({ preventScroll: true });
    top.remove();
  };
  for (const name of ['mouseup', 'dragend']) window.addEventListener(name, forget);
})();
