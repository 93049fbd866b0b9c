export { Demo } from './demo.js';
export { DemoModule } from './demo.module.js';
