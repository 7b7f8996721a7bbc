// The server's side: an answer that is none, or an error of its, is an error here with its words.

export async function allTasks(ask = fetch) {
  return answer(await ask('/api/tasks'));
}

export async function addTask(title, ask = fetch) {
  return answer(await ask('/api/tasks', { method: 'POST', body: JSON.stringify({ title }) }));
}

export async function finishTask(id, ask = fetch) {
  return answer(await ask(`/api/tasks/${id}/done`, { method: 'POST' }));
}

async function answer(response) {
  const body = await response.json();
  if (!response.ok) {
    throw new Error(body.error);
  }
  return body;
}
