// The page: asks the server for a quote and says it.

import { address, say } from './quote.js';

const form = document.querySelector('form');
const answer = document.querySelector('output');
form.addEventListener('submit', async (event) => {
  event.preventDefault();
  try {
    const response = await fetch(address(Object.fromEntries(new FormData(form))));
    answer.innerHTML = response.ok ? say(await response.json()) : 'No quote today.';
  } catch (error) {
    answer.textContent = error.message;
  }
});
