// What every service may use: the shop's goods and orders, and the way a process serves and stops.

export { goods, type Good } from './goods.js';
export { formatMoney } from './money.js';
export { OrderError, orderTotal, parseOrder, type Line, type Order } from './order.js';
export { sendJson, readJson, BodyError } from './json.js';
export { serve, settings, untilSignal, SettingError, type Serving, type Settings } from './server.js';
