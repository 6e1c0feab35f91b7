import * as english from './en.ts';

/** Every text of the console, in the language that it speaks. Another language is another module of this shape. */
export const t: typeof english = english;
