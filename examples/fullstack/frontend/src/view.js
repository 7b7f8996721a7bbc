// What is shown: a list of tasks, and a form for a new one.

import { html } from 'htm/preact';

export function TaskList({ tasks, onFinish }) {
  if (tasks.length === 0) {
    return html`<p>Nothing to do.</p>`;
  }
  const item = (task) => html`
    <li key=${task.id}>
      ${task.done ? html`<s>${task.title}</s>` : html`${task.title} <button onClick=${() => onFinish(task.id)}>Done</button>`}
    </li>`;
  return html`<ul>${tasks.map(item)}</ul>`;
}

export function App({ tasks, error, onAdd, onFinish }) {
  const submit = (event) => {
    event.preventDefault();
    onAdd(new FormData(event.target).get('title'));
    event.target.reset();
  };
  return html`
    <main>
      <h1>Tasks</h1>
      ${error && html`<p role="alert">${error}</p>`}
      <${TaskList} tasks=${tasks} onFinish=${onFinish} />
      <form onSubmit=${submit}><input name="title" /><button>Add</button></form>
    </main>`;
}
