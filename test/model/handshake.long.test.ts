/** The same with more interferences: millions of states. */
import './handshake.test.js';
