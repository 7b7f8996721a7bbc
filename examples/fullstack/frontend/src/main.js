// The page: draws what the server has, again after each change.

import { html, render } from 'htm/preact';
import { addTask, allTasks, finishTask } from './api.js';
import { App } from './view.js';

let tasks = [];

async function update(change) {
  let error;
  try {
    await change();
    tasks = await allTasks();
  } catch (failure) {
    error = failure.message;
  }
  const onAdd = (title) => update(() => addTask(title));
  const onFinish = (id) => update(() => finishTask(id));
  render(html`<${App} ...${{ tasks, error, onAdd, onFinish }} />`, document.body);
}

update(() => {});
