/**
 * Loaded into the service's process by `npm start`: when whoever started it is gone, also by a kill -9, the service
 * is told to stop as an operator would tell it, so that it does not keep the port.
 */
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
process.channel?.unref();
