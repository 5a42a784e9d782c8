import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig, type Plugin } from 'vite';

const root = fileURLToPath(new URL('.', import.meta.url));

// What dist is built from. The same list is in dist_test.go.
const sourceFiles = ['index.html', 'package.json', 'package-lock.json', 'svelte.config.js', 'tsconfig.json', 'vite.config.ts'];
const sourceFolders = ['public', 'src'];

// sourceHash is the SHA-256 over "path\nsha256(content with LF)\n" of every source, sorted by path.
function sourceHash(): string {
  const paths = [...sourceFiles];
  for (const folder of sourceFolders) {
    for (const e of readdirSync(join(root, folder), { recursive: true, withFileTypes: true })) {
      if (e.isFile()) paths.push(join(e.parentPath, e.name).slice(root.length).replaceAll('\\', '/'));
    }
  }
  const all = createHash('sha256');
  for (const path of paths.sort()) {
    const text = readFileSync(join(root, path), 'latin1').replaceAll('\r\n', '\n');
    all.update(`${path}\n${createHash('sha256').update(text, 'latin1').digest('hex')}\n`);
  }
  return all.digest('hex');
}

// stampSource writes dist/SOURCE.sha256, so that a plain Go test sees a stale dist without npm.
function stampSource(): Plugin {
  return {
    name: 'stamp-source',
    apply: 'build',
    closeBundle() {
      writeFileSync(join(root, 'dist/SOURCE.sha256'), sourceHash() + '\n');
    },
  };
}

export default defineConfig({
  root,
  plugins: [svelte(), stampSource()],
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
    rolldownOptions: {
      output: {
        entryFileNames: 'assets/app.js',
        chunkFileNames: 'assets/[name].js',
        assetFileNames: 'assets/app[extname]',
      },
    },
  },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
} as Parameters<typeof defineConfig>[0]);
