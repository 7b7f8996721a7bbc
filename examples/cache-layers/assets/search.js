// Marks the words that the address asks for: /setup?find=port

/** Text nodes below an element, in order. */
function textNodes(element) {
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  const nodes = [];
  while (walker.nextNode()) {
    nodes.push(walker.currentNode);
  }
  return nodes;
}

/** Wraps each occurrence of a word in a mark; gives back how many there were. */
function markAll(element, word) {
  const wanted = word.toLowerCase();
  let marks = 0;
  for (const node of textNodes(element)) {
    const at = node.data.toLowerCase().indexOf(wanted);
    if (at >= 0) {
      const found = node.splitText(at);
      found.splitText(word.length);
      const mark = document.createElement('mark');
      mark.className = 'found';
      found.replaceWith(mark);
      mark.append(found);
      marks += 1;
    }
  }
  return marks;
}

const word = new URLSearchParams(window.location.search).get('find');
if (word) {
  const marks = markAll(document.querySelector('main'), word);
  document.title = `${marks} found: ${document.title}`;
}
