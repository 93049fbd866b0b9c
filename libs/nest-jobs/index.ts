export { JobHandler } from './job-handler.js';
