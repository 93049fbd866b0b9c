// Jest compiles its globalSetup but does not apply moduleNameMapper to it: here `./x.js` finds `./x.ts` and `@carillon/x` finds libs/x.
const Module = require('node:module');
const path = require('node:path');

const root = path.join(__dirname, '../..');
const resolve = Module._resolveFilename;
Module._resolveFilename = function (request, parent, ...rest) {
  const lib = /^@carillon\/([^/]+)$/.exec(request);
  if (lib) return resolve.call(this, path.join(root, 'libs', lib[1], 'index.ts'), parent, ...rest);
  try {
    return resolve.call(this, request, parent, ...rest);
  } catch (error) {
    if (!/^\.{1,2}\/.*\.js$/.test(request)) throw error;
    return resolve.call(this, request.replace(/\.js$/, '.ts'), parent, ...rest);
  }
};
