import js from '@eslint/js';

const globals = Object.fromEntries(
  ['Buffer', 'URL', 'console', 'fetch', 'process', 'setTimeout'].map((name) => [name, 'readonly']),
);

export default [js.configs.recommended, { languageOptions: { globals }, rules: { eqeqeq: 'error' } }];
