import js from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

export default defineConfig(
  globalIgnores(['build/', 'bundle/', 'dist/', 'prebuilds/']),
  js.configs.recommended,
  {
    files: ['**/*.js', '**/*.mjs'],
    languageOptions: {
      globals: Object.fromEntries(
        [
          'AbortController',
          'AbortSignal',
          'console',
          'fetch',
          'performance',
          'process',
          'setImmediate',
          'setTimeout',
          'clearTimeout',
          'URL',
        ].map((name) => [name, 'readonly']),
      ),
    },
  },
  {
    files: ['**/*.cjs'],
    languageOptions: { sourceType: 'commonjs', globals: { console: 'readonly', require: 'readonly' } },
  },
  {
    files: ['assets/report/*.js'],
    languageOptions: {
      globals: Object.fromEntries(
        ['document', 'EventSource', 'getComputedStyle', 'Intl', 'matchMedia', 'ResizeObserver', 'uPlot'].map(
          (name) => [name, 'readonly'],
        ),
      ),
    },
  },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // noUncheckedIndexedAccess makes every element of an array possibly undefined; `!` is how a loop says it is not.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      // JavaScript callers give what the types forbid, and are told so.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      // What implements an interface may have nothing to do, or nothing to wait for.
      '@typescript-eslint/no-empty-function': ['error', { allow: ['methods'] }],
      '@typescript-eslint/require-await': 'off',
      // An index is often used for more than reading the one array.
      '@typescript-eslint/prefer-for-of': 'off',
      // process.env['NAME'] is not a property that anyone declared.
      '@typescript-eslint/dot-notation': ['error', { allowIndexSignaturePropertyAccess: true }],
    },
  },
);
