import { Injectable, type OnApplicationBootstrap, RequestMethod } from '@nestjs/common';
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';
import { type RouteAccess, routeAccess, saysWho } from './route-access.js';

export interface GuardedRoute {
  method: string;
  path: string;
  access: RouteAccess;
  /** `Controller.method`, for messages. */
  handler: string;
}

/** Every route of every controller with what its decorators say; one that does not say who may call it stops the boot. */
@Injectable()
export class GuardedRoutes implements OnApplicationBootstrap {
  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
  ) {}

  onApplicationBootstrap(): void {
    const open = this.all().filter(({ access }) => !saysWho(access));
    if (open.length === 0) return;
    const names = open.map((route) => `${route.handler} (${route.method} ${route.path})`).join(', ');
    throw new Error(`These routes do not say who may call them (@Public, @RequireRole or @AllowScope): ${names}`);
  }

  all(): GuardedRoute[] {
    return this.discovery.getControllers().flatMap(({ instance, metatype }) => {
      if (!metatype || typeof instance !== 'object' || instance === null) return [];
      const prototype = Object.getPrototypeOf(instance) as Record<string, object>;
      return this.scanner
        .getAllMethodNames(prototype)
        .flatMap((name) => routesOf(metatype as { name: string }, prototype[name]!, name));
    });
  }
}

function routesOf(controller: { name: string }, method: object, name: string): GuardedRoute[] {
  const requestMethod = Reflect.getMetadata(METHOD_METADATA, method) as RequestMethod | undefined;
  if (requestMethod === undefined) return [];
  const access = routeAccess(method, controller);
  const paths = [Reflect.getMetadata(PATH_METADATA, controller) as string | string[]].flat();
  const below = [Reflect.getMetadata(PATH_METADATA, method) as string | string[]].flat();
  return paths.flatMap((base) =>
    below.map((rest) => ({
      method: RequestMethod[requestMethod],
      path: `/${[base, rest]
        .flatMap((part) => part.split('/'))
        .filter(Boolean)
        .join('/')}`,
      access,
      handler: `${controller.name}.${name}`,
    })),
  );
}
