export * from './document';
export * from './port';
