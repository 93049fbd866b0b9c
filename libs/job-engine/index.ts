export * from './handler.js';
export * from './job-client.js';
export * from './ports.js';
