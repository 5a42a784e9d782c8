// Package ui holds the page that a Linnet node shows in the browser: the built
// assets of the Svelte sources beside it, embedded into the program.
//
// It refuses to know anything of the node: the page is the first client of the
// contract in desktop/api and has no private door. [Assets] is its only name;
// desktop/server serves it.
//
//	http.FileServerFS(ui.Assets())
//
// The folder dist is committed, so that "go install" needs no npm. To change
// the page, edit src and build it anew; a test fails while dist is older:
//
//	npm ci --ignore-scripts && npm run check && npm test && npm run build
//
// "npm run mock" serves the built page over made-up topics, "npm run look" walks
// all of its screens in a browser, and "npm run scroll-back" reads back through a
// long history while it is still arriving. e2e/first-use.mjs and e2e/private.mjs
// walk through what people do, between real nodes.
package ui
