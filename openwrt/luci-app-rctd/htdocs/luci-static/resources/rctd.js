'use strict';
'require baseclass';
'require fs';

/* What the pages of rctd share: calls of the daemon, and connections in words. */

const PROGRAM = '/usr/libexec/rctd-luci';

const PROTOCOLS = {
	1: 'icmp', 2: 'igmp', 6: 'tcp', 17: 'udp', 33: 'dccp', 41: '6in4', 47: 'gre', 50: 'esp', 51: 'ah', 58: 'icmp6',
	132: 'sctp', 136: 'udplite'
};

/* The kernel's names of TCP's states, by number. */
const STATES = [
	null, 'syn_sent', 'syn_recv', 'established', 'fin_wait', 'close_wait', 'last_ack', 'time_wait', 'close', 'syn_sent2'
];

const STATUS_REPLIED = 0x2;
const STATUS_OFFLOADED = 0x4000;
const STATUS_HARDWARE = 0x8000;

/* One call needs to be done in this time, or it is given up. */
const PATIENCE_MS = 30000;

/* A failure in the daemon's words. `code` is the fault's number, if it was one. */
class Failure extends Error {
	constructor(message, code) {
		super(message);
		this.name = 'RctdFailure';
		this.code = code;
	}
}

function failure(said) {
	/* The advice at the end is for a shell. */
	const text = said.trim().replace(/^rctd: /, '').replace(/; --connect says where it listens$/, '');
	const fault = /^fault (-?\d+): /.exec(text);

	return fault ? new Failure(text.slice(fault[0].length), Number(fault[1])) : new Failure(text);
}

function parse(text) {
	let value;

	try {
		value = JSON.parse(text);
	}
	catch (error) {
		/* A failure after the first bytes stands behind what was sent before. */
		const told = /\{"failed":".*\}\s*$/.exec(text);

		if (!told || told.index == 0)
			throw new Failure(_('The reply is cut off or no JSON.'));

		value = JSON.parse(told[0]);
	}

	if (value && typeof(value.failed) == 'string')
		throw failure(value.failed);

	return value;
}

/* Powers of 1000, of which rates and sums are told with two or three digits. */
function scaled(value, units) {
	let nth = 0;

	while (value >= 999.5 && nth < units.length - 1) {
		value /= 1000;
		nth++;
	}

	return '%s %s'.format(value.toFixed(nth && value < 99.95 ? 1 : 0), units[nth]);
}

return baseclass.extend({
	/* Runs a method and gives its value. An empty argument would be lost on its way: a space stands for it. */
	call(method, ...words) {
		const given = words.map(word => String(word));

		if (given.some(word => /[\u0000-\u001f\u007f]/.test(word)))
			return Promise.reject(new Failure(_('A control character is in what was typed.'), 0));

		return this.run(method, given.map(word => word == '' ? ' ' : word)).then(parse);
	},

	/* Runs a method and gives the text that it prints. */
	run(method, words) {
		let timer;
		const late = new Promise((resolve, reject) => {
			timer = window.setTimeout(() => reject(new Failure(_('There was no answer in time.'))), PATIENCE_MS);
		});

		return Promise.race([ fs.exec_direct(PROGRAM, [ method ].concat(words || [])), late ]).catch(error => {
			if (error.name == 'PermissionError')
				throw new Failure(_('This login may not do that, or the session is over.'));

			throw error;
		}).finally(() => window.clearTimeout(timer));
	},

	protocol(row) {
		return PROTOCOLS[row.orig_l4proto] || String(row.orig_l4proto);
	},

	/* What is known of the state: a word of the filter's grammar, and the field it belongs to. */
	state(row) {
		if (STATES[row.tcp_state])
			return [ STATES[row.tcp_state], 'state' ];

		return row.status & STATUS_REPLIED ? null : [ 'unreplied', 'is' ];
	},

	/* Where one side is translated to, `src` or `dst`. */
	translated(row, which) {
		return row.nat == which || row.nat == 'both' ? row['nat_' + which] : undefined;
	},

	/* By what a connection is forwarded if not by the kernel's usual way, and what that means. */
	offloaded(row) {
		if (row.status & STATUS_HARDWARE)
			return [ 'hardware', _('The network hardware forwards it: its counters come in steps.') ];

		return row.status & STATUS_OFFLOADED ? [ 'offloaded', _('The flow table forwards it: it has no state and no timeout.') ] : null;
	},

	/* One side of a connection, `src` or `dst`, as its first packet had it. */
	side(row, which) {
		const v4 = row['orig_ipv4_' + which];
		const address = v4 || row['orig_ipv6_' + which];
		const port = row['orig_port_' + which];

		return {
			address, port,
			name: row['orig_%s_name'.format(which)],
			text: v4 || port === undefined ? address : '[%s]'.format(address)
		};
	},

	sentence(row) {
		const ends = [ 'src', 'dst' ].map(which => {
			const side = this.side(row, which);
			const text = side.port === undefined ? side.text : '%s:%d'.format(side.text, side.port);

			return side.name ? '%s (%s)'.format(text, side.name) : text;
		});

		return '%s %s → %s'.format(this.protocol(row).toUpperCase(), ends[0], ends[1]);
	},

	/* A word of a filter, quoted if it must be. A quote in it would end it and let what follows mean something else. */
	term(field, value) {
		return '%s:%s'.format(field, /^[\w.-]+$/.test(value) ? value : '"%s"'.format(String(value).replace(/"/g, '')));
	},

	sum(one, other) {
		return one === undefined && other === undefined ? undefined : (one || 0) + (other || 0);
	},

	bytes(value) {
		return value === undefined ? '–' : scaled(value, [ 'B', 'kB', 'MB', 'GB', 'TB' ]);
	},

	/* Bytes a second, told as bits a second. */
	rate(value) {
		return value === undefined ? '–' : scaled(value * 8, [ 'bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s', 'Tbit/s' ]);
	},

	/* Seconds as the two largest units that they have. */
	duration(seconds) {
		if (seconds === undefined)
			return '–';

		const units = [ [ _('d', 'days'), 86400 ], [ _('h', 'hours'), 3600 ], [ _('min', 'minutes'), 60 ], [ _('s', 'seconds'), 1 ] ];
		const from = seconds ? units.findIndex(unit => seconds >= unit[1]) : 3;

		return units.slice(from, from + 2).map((unit, nth) => {
			const count = Math.floor((nth ? seconds % units[from][1] : seconds) / unit[1]);

			return nth && !count ? '' : '%d %s'.format(count, unit[0]);
		}).join(' ').trim();
	},

	hex(value) {
		return value ? '0x' + value.toString(16) : '0';
	}
});
