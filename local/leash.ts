/**
 * Loaded into the processes of `npm start`: when whoever started them is gone, also by a kill -9, they are told to stop
 * as an operator would tell them, so that they keep neither port nor locks.
 */
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
process.channel?.unref();
