import { fileURLToPath } from 'node:url'
import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vite'

const page = (path: string) => fileURLToPath(new URL(path, import.meta.url))

// `npm run dev` beside `sparring studio` on its usual port; `npm run build` writes what the wheel carries.
export default defineConfig({
  plugins: [svelte()],
  build: {
    outDir: '../src/sparring/studio/dist',
    emptyOutDir: true,
    modulePreload: { polyfill: false },
    target: 'es2022',
    rolldownOptions: { input: [page('./index.html'), page('./runs/index.html')] },
  },
  server: { proxy: { '/api': { target: 'http://127.0.0.1:7860', ws: true, changeOrigin: true } } },
})
