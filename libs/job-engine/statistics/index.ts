export { foldStatistics } from './fold.js';
export { addAll, addStored, type Histogram, percentilesOf } from './percentiles.js';
