// fragments: 'tree' builds the page node by node, so that it runs where the
// browser refuses every HTML string (Content-Security-Policy: trusted-types 'none').
export default {
  compilerOptions: { fragments: 'tree', runes: true },
};
