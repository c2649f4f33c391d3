'use strict';
'require view';
'require poll';
'require dom';
'require ui';
'require rctd';

/*
 * The connections of this router. Filtering, sorting and cutting into pages is the daemon's work: a poll is one call for
 * one page. Texts only ever become text nodes (an array of children to E(); a bare string would be HTML): the names of
 * hosts are what strangers call themselves.
 */

const ROWS = 50;
const GROUP_ROWS = 25;
const POLL_SECONDS = 3;
/* The table's use and the kernel's counters are looked at once in so many polls. */
const STATS_EVERY = 5;

const FIELDS = 'fields=' + [
	'orig_l4proto', 'tcp_state', 'status', 'orig_ipv4_src', 'orig_ipv4_dst', 'orig_ipv6_src', 'orig_ipv6_dst',
	'orig_port_src', 'orig_port_dst', 'orig_src_name', 'orig_dst_name', 'nat', 'nat_src', 'nat_dst', 'orig_rate', 'repl_rate',
	'orig_counter_bytes', 'repl_counter_bytes', 'timeout', 'mark', 'user_id', 'username'
].join(',');

const GROUPS = {
	local: { title: _('Local hosts'), term: key => rctd.term('host', key) },
	remote: { title: _('Remote hosts'), term: key => rctd.term('host', key) },
	service: { title: _('Services'), term: key => key.replace(/^([^/]+)[/]?/, 'proto:$1 dport:').replace(/ dport:$/, '') },
	username: { title: _('Users'), term: key => rctd.term('user', key) }
};

const ORDERS = {
	connections: { title: _('Connections'), text: value => String(value) },
	rate: { title: _('Rate'), text: value => rctd.rate(value) },
	bytes: { title: _('Bytes'), text: value => rctd.bytes(value) }
};

const STYLE = [
	'.rctd-value { background: none; border: 0; padding: 0; margin: 0; color: inherit; font: inherit; cursor: pointer; text-align: left; overflow-wrap: anywhere; display: inline; height: auto; line-height: inherit; box-shadow: none; text-shadow: none; min-width: 0; }',
	'.rctd-value:hover, .rctd-value:focus-visible { text-decoration: underline; }',
	'.rctd-name { font-weight: bold; display: block; }',
	'.rctd-badge { border: 1px solid; border-radius: 3px; padding: 0 .3em; font-size: 85%; opacity: .8; white-space: nowrap; }',
	'.rctd-nat { display: block; font-size: 90%; overflow-wrap: anywhere; }',
	'.rctd-waits { opacity: .6; }',
	'.rctd-gone { opacity: .4; }',
	'.rctd-sort { background: none; border: 0; padding: 0; margin: 0; color: inherit; font: inherit; font-weight: bold; cursor: pointer; white-space: nowrap; box-shadow: none; text-shadow: none; height: auto; line-height: inherit; min-width: 0; }',
	'.rctd-line { display: flex; flex-wrap: wrap; gap: .5em; align-items: center; margin: .5em 0; }',
	'.rctd-line input[type=text] { flex: 1 1 14em; width: auto; max-width: 40em; min-width: 0; }',
	'.rctd-spread { margin-left: auto; }',
	'.rctd-wrong u { text-decoration-thickness: 2px; }',
	'.th.rctd-figure, .td.rctd-figure { text-align: right; white-space: nowrap; }',
	'.rctd-dim { opacity: .6; }',
	'.rctd-none-mark .rctd-mark, .rctd-none-user .rctd-user { display: none; }',
	'.td.rctd-act { white-space: nowrap; text-align: right; }',
	'.rctd-fields { max-height: 50vh; overflow: auto; }',
	'.rctd-fields td { overflow-wrap: anywhere; }',
	'.rctd-use { min-width: 12em; margin: 1.2em 0 0; }',
	'@media (max-width: 600px) {',
	'.td.rctd-side { flex: 1 1 100%; }',
	'.rctd-flows .td.rctd-pick { flex: 0 0 2.5em; }',
	'.rctd-flows .td.rctd-act { flex: 1 1 100%; text-align: right; }',
	'.td.rctd-figure { text-align: left; white-space: normal; flex: 1 1 30%; }',
	'.rctd-use { flex: 1 1 60%; }',
	'}'
].join('\n');

/* What a click on the head of a column sorts by, how its cell is filled, and which class it has. */
const COLUMNS = {
	protocol: { title: _('Protocol'), sort: 'orig_l4proto', cell: 'protocolCell' },
	source: { title: _('Source'), sort: 'orig_src', cell: 'sourceCell', style: 'rctd-side' },
	destination: { title: _('Destination'), sort: 'orig_dst', cell: 'destinationCell', style: 'rctd-side' },
	rate: { title: _('Rate'), sort: 'rate', cell: 'rateCell', style: 'rctd-figure' },
	bytes: { title: _('Bytes'), sort: 'bytes', cell: 'bytesCell', style: 'rctd-figure' },
	ends: { title: _('Ends in'), sort: 'timeout', cell: 'endsCell', style: 'rctd-figure' },
	mark: { title: _('Mark'), sort: 'mark', cell: 'markCell', style: 'rctd-mark' },
	user: { title: _('User'), sort: 'user_id', cell: 'userCell', style: 'rctd-user' }
};

return view.extend({
	handleSave: null,
	handleSaveApply: null,
	handleReset: null,

	/* What is looked at; all of it is in the address, so that a reload and a bookmark show the same. */
	place: { q: '', sort: 'rate', dir: 'DESC', page: 1, tab: 'table', group: 'local', by: 'rate' },

	load() {
		this.readPlace();

		/* A filter in the address that can't be read must be seen before anything is offered on its ground. */
		return this.readFilter();
	},

	render() {
		const may = L.hasViewPermission();

		this.rows = new Map();
		this.chosen = new Set();
		this.names = new Map();
		this.baseline = {};
		this.may = may === true;
		this.turn = 0;
		this.next = 0;
		this.nodes = {};

		const node = E('div', { 'class': 'cbi-map', 'id': 'rctd' }, [
			E('style', {}, [ STYLE ]),
			E('h2', {}, [ _('Live Connections') ]),
			E('div', { 'class': 'rctd-line' }, [
				this.keep('use', E('div', { 'class': 'cbi-progressbar rctd-use', 'title': '', 'role': 'img' }, [ E('div', { 'style': 'width:0%' }) ])),
				this.keep('pause', E('button', {
					'class': 'btn cbi-button rctd-spread', 'type': 'button', 'click': () => this.pause(poll.active())
				}, [ _('Pause') ]))
			]),
			this.keep('notices', E('div', {})),
			this.renderFilter(),
			E('ul', { 'class': 'cbi-tabmenu' }, [
				this.renderTab('table', _('Connections')),
				this.renderTab('who', _('Hosts and services'))
			]),
			this.renderTable(),
			this.renderGroups(),
			this.keep('status', E('p', { 'role': 'status' }))
		]);

		this.nodes.q.value = this.place.q;
		this.showPlace();
		this.showReading();

		document.addEventListener('poll-stop', () => this.showPause(true));
		document.addEventListener('poll-start', () => this.showPause(false));
		window.addEventListener('hashchange', () => {
			if (this.readPlace())
				this.readFilter().then(() => {
					this.nodes.q.value = this.place.q;

					return this.moved();
				});
		});

		poll.add(() => this.tick(), POLL_SECONDS);

		return node;
	},

	keep(name, node) {
		this.nodes[name] = node;

		return node;
	},

	/* -- the place ------------------------------------------------------------------------------------------------ */

	/* Takes the place from the address. Returns whether it is another than before. */
	readPlace() {
		const before = JSON.stringify(this.place);
		const read = new URLSearchParams(window.location.hash.slice(1));
		const one = (name, known, otherwise) => known.includes(read.get(name)) ? read.get(name) : otherwise;

		this.place = {
			q: (read.get('q') || '').trim(),
			sort: one('sort', Object.values(COLUMNS).map(column => column.sort), 'rate'),
			dir: one('dir', [ 'ASC', 'DESC' ], 'DESC'),
			page: Math.min(1000000, Math.max(1, parseInt(read.get('page'), 10) || 1)),
			tab: one('tab', [ 'table', 'who' ], 'table'),
			group: one('group', Object.keys(GROUPS), 'local'),
			by: one('by', Object.keys(ORDERS), 'rate')
		};

		return before != JSON.stringify(this.place);
	},

	go(changes) {
		Object.assign(this.place, changes);
		window.history.replaceState(null, '', '#' + new URLSearchParams(this.place));
		return this.moved();
	},

	/* The rows on the screen are of another place now. */
	moved() {
		this.chosen.clear();
		this.anew = true;
		this.showPlace();
		this.showReading();

		return this.refresh();
	},

	showPlace() {
		const { tab, sort, dir, group, by } = this.place;
		const order = (node, sorted, direction) => {
			if (sorted)
				node.setAttribute('aria-sort', direction == 'ASC' ? 'ascending' : 'descending');
			else
				node.removeAttribute('aria-sort');

			node.querySelector('.rctd-arrow').textContent = sorted ? (direction == 'ASC' ? ' ▲' : ' ▼') : '';
		};

		this.nodes.heads.forEach(head => order(head, head.getAttribute('data-sort') == sort, dir));
		this.nodes.orders.forEach(head => order(head, head.getAttribute('data-by') == by, 'DESC'));
		this.nodes.group.value = group;
		this.nodes.sort.value = sort;

		for (const name of [ 'table', 'who' ]) {
			this.nodes['tab-' + name].className = name == tab ? 'cbi-tab' : 'cbi-tab-disabled';
			this.nodes['tab-' + name].firstElementChild.setAttribute('aria-current', name == tab ? 'page' : 'false');
			this.nodes['page-' + name].style.display = name == tab ? '' : 'none';
		}

		this.showChosen();
	},

	renderTab(name, title) {
		return this.keep('tab-' + name, E('li', { 'class': 'cbi-tab-disabled' }, [
			E('a', {
				'href': '#', 'click': event => {
					event.preventDefault();
					this.go({ tab: name });
				}
			}, [ title ])
		]));
	},

	/* -- looking -------------------------------------------------------------------------------------------------- */

	tick() {
		return document.hidden || Date.now() < this.next ? null : this.refresh();
	},

	/* One look at a time: who asks during one gets another after it. */
	refresh() {
		this.again = !!this.looking;

		if (this.looking)
			return this.looking;

		const began = Date.now();

		this.looking = this.look().then(() => this.notice('trouble'), error => this.trouble(error)).then(() => {
			this.looking = null;
			/* A router that is slow is left alone for twice as long as it took. */
			this.next = Date.now() + 2 * (Date.now() - began);

			return this.again ? this.refresh() : null;
		});

		return this.looking;
	},

	async look() {
		const { q, sort, dir, page, tab, group, by } = this.place;
		const at = JSON.stringify(this.place);

		if (this.turn++ % STATS_EVERY == 0)
			this.showUse(await rctd.call('stats'));

		if (this.reading.wrong)
			return this.showNothing();

		const found = tab == 'who'
			? await rctd.call('summary', group, q, by, 'DESC', 0, GROUP_ROWS)
			: await rctd.call('view', q, sort, dir, (page - 1) * ROWS, ROWS, FIELDS);

		/* What was asked for meanwhile is another page. */
		if (at != JSON.stringify(this.place))
			return;

		if (tab == 'who')
			this.showGroups(found);
		else
			this.showPage(found);
	},

	trouble(error) {
		/* The next look begins with the numbers, which say why there may be no rows. */
		this.turn = 0;

		/* Without a password the daemon misses the parameters of a login. */
		const asks = error.code == 1 || (error.code == -32602 && /^parameter (username|password) /.test(error.message));
		const parts = [ E('p', {}, [ asks ? _('The daemon asks for a password.') : error.message ]) ];

		if (asks && this.may)
			parts.push(E('p', {}, [
				_('LuCI can be given one of its own, which stays on this router.'), ' ',
				E('button', { 'class': 'btn cbi-button cbi-button-action', 'click': () => this.grant() }, [ _('Let LuCI in') ])
			]));
		else if (asks)
			parts.push(E('p', {}, [ _('Whoever may configure it can let LuCI in, on this page.') ]));
		else if (error.code === undefined)
			parts.push(E('p', {}, [
				_('Trying again. Whether rctd runs, and what it said if it does not, is told by:'), ' ',
				E('a', { 'href': L.url('admin/services/rctd'), 'style': 'color:inherit;text-decoration:underline' }, [ _('Services → Live Connections') ])
			]));

		this.notice('trouble', 'error', parts);
	},

	grant() {
		return rctd.call('grant').then(() => this.refresh(), error => this.trouble(error));
	},

	/* Shows a notice, one of each name; without parts it goes. */
	notice(name, kind, parts) {
		const before = this.nodes.notices.querySelector('[data-name="%s"]'.format(name));
		const said = parts ? parts.map(part => part.textContent).join('\n') : '';

		if (before && before.textContent == said && parts)
			return;

		if (before)
			before.remove();

		if (parts)
			this.nodes.notices.appendChild(E('div', { 'class': 'alert-message ' + kind, 'data-name': name, 'role': 'alert' }, [ ...parts ]));
	},

	say(text) {
		dom.content(this.nodes.status, [ text ]);
	},

	pause(on) {
		if (on)
			poll.stop();
		else
			poll.start();
	},

	showPause(paused) {
		dom.content(this.nodes.pause, [ paused ? _('Go on') : _('Pause') ]);
	},

	/* -- the table's use ------------------------------------------------------------------------------------------ */

	showUse({ count, max, accounting, kernel }) {
		const percent = max ? Math.min(100, 100 * count / max) : 0;
		const text = max ? '%d / %d (%d%%)'.format(count, max, Math.round(percent)) : String(count);
		const paragraph = told => [ E('p', {}, [ told ]) ];

		this.count = count;
		this.nodes.use.setAttribute('title', text);
		this.nodes.use.setAttribute('aria-label', _('%s entries of the table in use').format(text));
		this.nodes.use.firstElementChild.style.width = percent.toFixed(1) + '%';

		this.notice('full', 'warning', percent < 75 ? null : paragraph(
			_('The table is %d%% full. When it is full new connections are dropped: see who has most of them, or raise net.netfilter.nf_conntrack_max.').format(Math.round(percent))));

		for (const name of [ 'early_drop', 'insert_failed' ]) {
			if (this.baseline[name] === undefined)
				this.baseline[name] = kernel[name];

			const lost = kernel[name] - this.baseline[name];

			this.notice(name, 'warning', lost > 0 ? paragraph(_('Connections lost for want of room since this page was opened: %d (%s)').format(lost, name)) : null);
		}

		this.notice('accounting', 'notice', accounting ? null : paragraph(
			_('The kernel counts no bytes, so there are no rates. It does for new connections after: sysctl -w net.netfilter.nf_conntrack_acct=1')));
	},

	/* -- the filter ----------------------------------------------------------------------------------------------- */

	renderFilter() {
		return E('form', {
			'class': 'cbi-section', 'role': 'search', 'submit': event => {
				event.preventDefault();
				this.filter(this.nodes.q.value);
			}
		}, [
			E('div', { 'class': 'rctd-line' }, [
				E('label', { 'for': 'rctd-q' }, [ _('Filter') ]),
				this.keep('q', E('input', {
					'type': 'text', 'class': 'cbi-input-text', 'id': 'rctd-q', 'maxlength': 512, 'autocomplete': 'off',
					'autocapitalize': 'off', 'spellcheck': 'false', 'placeholder': 'src:192.168.1.0/24 !dport:443',
					'aria-describedby': 'rctd-sentence', 'input': () => this.showReading()
				})),
				E('button', { 'class': 'btn cbi-button cbi-button-apply', 'type': 'submit' }, [ _('Filter') ]),
				this.keep('clear', E('button', { 'class': 'btn cbi-button', 'type': 'button', 'click': () => this.filter('') }, [ _('Clear') ])),
				E('button', { 'class': 'btn cbi-button', 'type': 'button', 'click': () => this.help() }, [ _('Help') ])
			]),
			this.keep('sentence', E('div', { 'id': 'rctd-sentence' })),
			E('div', { 'class': 'rctd-line' }, [
				this.keep('total', E('span', {})),
				this.keep('kill-all', E('button', {
					'class': 'btn cbi-button cbi-button-negative', 'type': 'button', 'style': 'display:none', 'click': () => this.killMatching()
				}))
			])
		]);
	},

	/* Has the daemon read a filter: what it says of it, in words. */
	explain(text) {
		if (!text)
			return Promise.resolve({ text, says: '' });

		return rctd.call('explain', text).then(says => ({ text, says }), error => {
			/* Only a fault is about the text; without a daemon the rows tell what is wrong. */
			return error.code === undefined ? { text, says: '' } : { text, says: error.message, wrong: true };
		});
	},

	/* Has the daemon read the filter of this place, which may come from the address. */
	readFilter() {
		return this.explain(this.place.q).then(reading => {
			this.reading = reading;
			this.refused = null;
		});
	},

	/* Filters by a text, if it can be read; the rows of the last good one stay otherwise. */
	filter(text) {
		const wanted = text.trim();

		this.nodes.q.value = wanted;

		return this.explain(wanted).then(reading => {
			/* What was typed since is the one that counts. */
			if (this.nodes.q.value.trim() != wanted)
				return;

			this.refused = reading.wrong ? reading : null;

			if (reading.wrong)
				return this.showReading();

			this.reading = reading;

			return this.go({ q: wanted, page: 1 });
		});
	},

	/* Adds a term to the filter, or its complement, in place of what says the contrary. */
	addTerm(term, without) {
		const terms = this.place.q.match(/(?:[^\s"]|"[^"]*")+/g) || [];
		const others = terms.filter(other => other.replace(/^[!-]/, '') != term);

		return this.filter(others.concat((without ? '!' : '') + term).join(' '));
	},

	showReading() {
		if (this.refused && this.refused.text != this.nodes.q.value.trim())
			this.refused = null;

		const { text, says, wrong } = this.refused || this.reading;
		const settled = this.nodes.q.value.trim() == text;

		this.nodes.q.classList.toggle('cbi-input-invalid', !!wrong && settled);
		this.nodes.q.setAttribute('aria-invalid', String(!!wrong && settled));
		this.nodes.clear.style.display = this.nodes.q.value || this.place.q ? '' : 'none';
		dom.content(this.nodes.sentence, wrong ? this.wrongPart(text, says) : says ? [ E('span', { 'lang': 'en' }, [ says ]) ] : []);
		this.showKillAll();
	},

	/* What is wrong with a filter, under the word that it is about: the daemon counts its place in bytes. */
	wrongPart(text, says) {
		const at = /\bat (\d+)/.exec(says);
		const parts = [ E('strong', {}, [ says.replace(/^filters: /, '') ]) ];

		if (at) {
			const before = new TextDecoder().decode(new TextEncoder().encode(text).slice(0, Number(at[1])));
			const word = /^\S*/.exec(text.slice(before.length))[0];

			parts.push(E('br'), E('code', { 'class': 'rctd-wrong' }, [ before, E('u', {}, [ word || ' ' ]), text.slice(before.length + word.length) ]));
		}

		return [ E('div', { 'class': 'alert-message error', 'role': 'alert' }, [ ...parts ]) ];
	},

	help() {
		const example = (text, says) => E('li', {}, [
			E('button', {
				'class': 'rctd-value', 'click': () => {
					ui.hideModal();
					this.filter(text);
				}
			}, [ E('code', {}, [ text ]) ]), ' ', says
		]);

		ui.showModal(_('How to filter'), [
			E('p', {}, [ _('All terms must match. A ! before a term excludes what it matches. Commas stand for any of several values.') ]),
			E('ul', {}, [
				example('src:192.168.1.0/24 !dport:80,443', _('from this network, but not to the web')),
				example('tcp state:syn_sent', _('TCP that nobody answered')),
				example('rate>1M', _('more than 1,000,000 bytes a second')),
				example('host:192.168.1.5 -udp', _('with this host on any side, but not UDP')),
				example('is:nat dport:8000-8100', _('translated, to these ports')),
				example('name:printer', _('with a host of this name'))
			]),
			E('p', {}, [ _('A click on a value in the table adds it to the filter, a click with Alt excludes it.') ]),
			E('div', { 'class': 'right' }, [ E('button', { 'class': 'btn cbi-button', 'click': ui.hideModal }, [ _('Close') ]) ])
		]);
	},

	/* -- the table ------------------------------------------------------------------------------------------------ */

	renderTable() {
		const heads = Object.values(COLUMNS).map(column => E('th', { 'class': 'th ' + (column.style || ''), 'scope': 'col', 'data-sort': column.sort }, [
			E('button', { 'class': 'rctd-sort', 'type': 'button', 'click': () => this.sort(column.sort) }, [ column.title, E('span', { 'class': 'rctd-arrow' }) ])
		]));

		this.nodes.heads = heads;

		return this.keep('page-table', E('div', { 'class': 'cbi-section' }, [
			this.keep('table', E('table', { 'class': 'table rctd-flows', 'aria-label': _('Connections') }, [
				this.keep('head', E('tr', { 'class': 'tr table-titles' }, [
					this.may ? E('th', { 'class': 'th rctd-pick' }, [
						this.keep('all', E('input', { 'type': 'checkbox', 'aria-label': _('Select this page'), 'change': event => this.chooseAll(event.target.checked) }))
					]) : '',
					...heads,
					E('th', { 'class': 'th rctd-act' })
				]))
			])),
			this.keep('empty', E('p', { 'style': 'display:none' })),
			E('div', { 'class': 'rctd-line' }, [
				this.keep('back', E('button', { 'class': 'btn cbi-button', 'type': 'button', 'click': () => this.go({ page: this.place.page - 1 }) }, [ '« ', _('Back') ])),
				this.keep('range', E('span', {})),
				this.keep('forth', E('button', { 'class': 'btn cbi-button', 'type': 'button', 'click': () => this.go({ page: this.place.page + 1 }) }, [ _('Next'), ' »' ])),
				E('label', {}, [
					_('Sort by'), ' ',
					this.keep('sort', E('select', { 'class': 'cbi-input-select', 'change': event => this.sort(event.target.value) },
						Object.values(COLUMNS).map(column => E('option', { 'value': column.sort }, [ column.title ]))))
				]),
				E('button', { 'class': 'btn cbi-button', 'type': 'button', 'title': _('Turn the order round'), 'click': () => this.sort(this.place.sort) }, [ '⇅' ]),
				this.keep('held', E('em', { 'style': 'display:none' }, [ _('Rows stand still while you use them.') ])),
				this.keep('chosen', E('span', { 'class': 'rctd-spread', 'style': 'display:none' }, [
					this.keep('chosen-count', E('span', {})), ' ',
					E('button', { 'class': 'btn cbi-button cbi-button-negative', 'type': 'button', 'click': () => this.killChosen() }, [ _('Kill selected…') ]), ' ',
					E('button', { 'class': 'btn cbi-button', 'type': 'button', 'click': () => this.chooseAll(false) }, [ _('None') ])
				]))
			])
		]));
	},

	sort(by) {
		this.go({ sort: by, dir: this.place.sort == by && this.place.dir == 'DESC' ? 'ASC' : 'DESC', page: 1 });
	},

	/* A value that a click filters by; with Alt it is filtered out. */
	value(text, term, style) {
		return E('button', {
			'class': 'rctd-value ' + (style || ''), 'type': 'button', 'title': term, 'click': event => this.addTerm(term, event.altKey)
		}, [ text ]);
	},

	protocolCell(row) {
		const state = rctd.state(row);
		const name = rctd.protocol(row);
		const parts = [ this.value(name.toUpperCase(), 'proto:' + name) ];

		if (state)
			parts.push(' ', this.value(state[0].toUpperCase(), state.slice().reverse().join(':'), /^(syn_|unreplied)/.test(state[0]) ? 'rctd-waits' : ''));

		return parts;
	},

	sideParts(row, which) {
		const side = rctd.side(row, which);
		const parts = side.name ? [ this.value(side.name, rctd.term('name', side.name), 'rctd-name') ] : [];

		if (side.name)
			this.names.set(side.address, side.name);

		parts.push(this.value(side.text, which + ':' + side.address));

		if (side.port !== undefined)
			parts.push(this.value(':' + side.port, '%sport:%d'.format(which.charAt(0), side.port)));

		const translated = rctd.translated(row, which);

		if (translated !== undefined)
			parts.push(' ', E('span', { 'class': 'rctd-nat' }, [
				this.value(which.charAt(0) + 'nat', 'is:%snat'.format(which.charAt(0)), 'rctd-badge'), ' ', translated
			]));

		return parts;
	},

	sourceCell(row) {
		return this.sideParts(row, 'src');
	},

	destinationCell(row) {
		const parts = this.sideParts(row, 'dst');
		const offloaded = rctd.offloaded(row);

		if (offloaded) {
			const badge = this.value(offloaded[0], 'is:' + offloaded[0], 'rctd-badge');

			badge.setAttribute('title', offloaded[1]);
			parts.push(' ', badge);
		}

		return parts;
	},

	rateCell(row) {
		if (row.orig_rate === undefined && row.repl_rate === undefined)
			return [ '–' ];

		return [ E('span', { 'title': '→ %s\n← %s'.format(rctd.rate(row.orig_rate), rctd.rate(row.repl_rate)) }, [ rctd.rate(rctd.sum(row.orig_rate, row.repl_rate)) ]) ];
	},

	bytesCell(row) {
		return [ rctd.bytes(rctd.sum(row.orig_counter_bytes, row.repl_counter_bytes)) ];
	},

	endsCell(row) {
		return [ rctd.duration(row.timeout) ];
	},

	markCell(row) {
		return [ this.value(rctd.hex(row.mark), 'mark:' + rctd.hex(row.mark), row.mark ? '' : 'rctd-dim') ];
	},

	userCell(row) {
		if (row.user_id === undefined)
			return [];

		return [ row.username ? this.value(row.username, rctd.term('user', row.username)) : this.value(String(row.user_id), 'uid:' + row.user_id) ];
	},

	makeRow(row) {
		const record = { said: {}, cells: {} };
		const line = E('tr', { 'class': 'tr', 'data-id': row.id });

		if (this.may) {
			record.box = E('input', { 'type': 'checkbox', 'aria-label': _('Select %s').format(rctd.sentence(row)), 'change': event => this.choose(row.id, event.target.checked) });
			line.appendChild(E('td', { 'class': 'td rctd-pick' }, [ record.box ]));
		}

		for (const name in COLUMNS) {
			record.cells[name] = E('td', { 'class': 'td ' + (COLUMNS[name].style || ''), 'data-title': COLUMNS[name].title });
			line.appendChild(record.cells[name]);
		}

		line.appendChild(E('td', { 'class': 'td rctd-act' }, [
			E('button', { 'class': 'btn cbi-button', 'type': 'button', 'title': _('All of this connection'), 'aria-label': _('All of this connection'), 'click': () => this.details(record.row) }, [ '⋯' ]),
			this.may ? ' ' : '',
			this.may ? E('button', { 'class': 'btn cbi-button cbi-button-negative', 'type': 'button', 'click': () => this.kill([ record.row ]) }, [ _('Kill') ]) : ''
		]));

		record.line = line;

		return record;
	},

	fillRow(record, row) {
		record.row = row;
		record.line.classList.remove('rctd-gone');

		for (const name in COLUMNS) {
			const parts = this[COLUMNS[name].cell](row);
			const said = JSON.stringify(parts.map(part => part.outerHTML || part));

			/* A cell that says the same stays, and with it focus and selection. */
			if (record.said[name] == said)
				continue;

			record.said[name] = said;
			dom.content(record.cells[name], parts);
		}
	},

	/* Whether somebody is about to use a row: then they all stay where they are. */
	held() {
		const table = this.nodes.table;

		return this.chosen.size > 0 || document.body.classList.contains('modal-overlay-active')
			|| table.querySelector('.tr[data-id] :focus-visible') != null
			|| (window.matchMedia('(hover: hover)').matches && table.querySelector('.tr[data-id]:hover') != null);
	},

	showPage({ table, total, count }) {
		const last = Math.max(1, Math.ceil(total / ROWS));

		if (this.place.page > last)
			return this.go({ page: last });

		const byId = new Map(table.map(row => [ row.id, row ]));

		const held = this.rows.size > 0 && !this.anew && this.held();

		if (held)
			this.renewRows(byId);
		else
			this.arrangeRows(byId);

		this.nodes.held.style.display = held ? '' : 'none';

		this.anew = false;
		this.total = total;
		this.count = count;
		this.showTotal();

		const from = (this.place.page - 1) * ROWS;

		dom.content(this.nodes.range, [ total ? '%d–%d / %d'.format(from + 1, Math.min(total, from + ROWS), total) : '' ]);
		this.nodes.back.disabled = this.place.page <= 1;
		this.nodes.forth.disabled = this.place.page >= last;
		this.nodes.table.classList.toggle('rctd-none-mark', !table.some(row => row.mark));
		this.nodes.table.classList.toggle('rctd-none-user', !table.some(row => row.user_id !== undefined));
		this.nodes.empty.style.display = total ? 'none' : '';
		dom.content(this.nodes.empty, [ this.place.q ? _('No connection matches.') : count ? _('All connections are hidden by the daemon\'s options.')
			: _('The kernel tracks no connection. It does so only where a firewall rule asks about their state.') ]);
		this.showChosen();
	},

	/* Rows stand still: new values for those that are on the page yet, the others are grey. */
	renewRows(byId) {
		for (const [ id, record ] of this.rows) {
			if (byId.has(id))
				this.fillRow(record, byId.get(id));
			else
				record.line.classList.add('rctd-gone');
		}
	},

	arrangeRows(byId) {
		for (const [ id, record ] of this.rows)
			if (!byId.has(id)) {
				record.line.remove();
				this.rows.delete(id);
			}

		let before = this.nodes.head;

		for (const [ id, row ] of byId) {
			const record = this.rows.get(id) || this.makeRow(row);

			this.rows.set(id, record);
			this.fillRow(record, row);

			if (before.nextSibling != record.line)
				before.parentNode.insertBefore(record.line, before.nextSibling);

			before = record.line;
		}
	},

	showNothing() {
		this.arrangeRows(new Map());
		this.total = 0;
		dom.content(this.nodes.range, []);
		this.nodes.empty.style.display = 'none';
		this.showTotal();
	},

	showTotal() {
		dom.content(this.nodes.total, [ this.place.q ? _('Connections: %d of %d').format(this.total, this.count) : _('Connections: %d').format(this.total) ]);
		this.showKillAll();
	},

	choose(id, is) {
		if (is)
			this.chosen.add(id);
		else
			this.chosen.delete(id);

		this.showChosen();
	},

	chooseAll(is) {
		this.chosen.clear();

		if (is)
			this.rows.forEach((record, id) => this.chosen.add(id));

		this.showChosen();
	},

	showChosen() {
		if (!this.may)
			return;

		this.rows.forEach((record, id) => {
			record.box.checked = this.chosen.has(id);
		});
		this.nodes.all.checked = this.rows.size > 0 && this.chosen.size == this.rows.size;
		this.nodes.chosen.style.display = this.chosen.size ? '' : 'none';
		dom.content(this.nodes['chosen-count'], [ _('Selected: %d').format(this.chosen.size) ]);
	},

	/* -- acting --------------------------------------------------------------------------------------------------- */

	/* All that matches may be killed only if what stands in the box is what is shown. */
	showKillAll() {
		const settled = this.nodes.q.value.trim() == this.place.q && !this.reading.wrong;
		const offered = this.may && this.place.q && settled && this.total > 0 && this.place.tab == 'table';

		this.nodes['kill-all'].style.display = offered ? '' : 'none';
		dom.content(this.nodes['kill-all'], [ _('Kill all %d…').format(this.total || 0) ]);
	},

	confirm(title, told, act, deed) {
		ui.showModal(title, [
			...told,
			E('p', {}, [ E('strong', {}, [ _('There is no undo.') ]) ]),
			E('div', { 'class': 'right' }, [
				E('button', { 'class': 'btn cbi-button', 'click': ui.hideModal }, [ _('Cancel') ]), ' ',
				E('button', { 'class': 'btn cbi-button cbi-button-negative important', 'click': event => {
					event.target.disabled = true;

					return deed().catch(error => this.say(error.message)).then(() => {
						ui.hideModal();

						return this.refresh();
					});
				} }, [ act ])
			])
		]);
	},

	kill(rows) {
		const told = [ E('ul', {}, rows.slice(0, 5).map(row => E('li', {}, [ rctd.sentence(row) ]))) ];

		if (rows.length > 5)
			told.push(E('p', {}, [ _('and %d more').format(rows.length - 5) ]));

		this.confirm(_('Kill these connections: %d').format(rows.length), told, _('Kill %d').format(rows.length), async () => {
			const killed = await rctd.call('kill', rows.map(row => row.id).join(','));

			this.chosen.clear();
			this.anew = true;
			this.say(killed < rows.length
				? _('Connections killed: %d; ended before: %d').format(killed, rows.length - killed)
				: _('Connections killed: %d').format(killed));
		});
	},

	killChosen() {
		this.kill(Array.from(this.chosen).map(id => this.rows.get(id).row));
	},

	/* Kills by the very text that was read back and counted for the question. */
	async killMatching() {
		const text = this.place.q;

		if (!text)
			return;

		try {
			const says = await rctd.call('explain', text);
			const { total } = await rctd.call('view', text, 'id', 'ASC', 0, 0);

			/* A question that was opened meanwhile is the one that a click is meant for. */
			if (document.body.classList.contains('modal-overlay-active') || text != this.place.q)
				return;

			this.confirm(_('Kill all connections that match: %d').format(total), [
				E('p', { 'lang': 'en' }, [ E('strong', {}, [ says ]) ]),
				E('p', {}, [ E('code', {}, [ text ]) ]),
				E('p', {}, [ _('It kills what matches when you say so.') ])
			], _('Kill %d').format(total), async () => {
				const killed = await rctd.call('kill_matching', text);

				this.anew = true;
				this.say(_('Connections killed: %d').format(killed));
			});
		}
		catch (error) {
			this.say(error.message);
		}
	},

	/* All that is known of a connection, with what can be done to it. */
	async details(row) {
		let all;

		try {
			all = (await rctd.call('view', 'id:' + row.id, 'id', 'ASC', 0, 1)).table[0];
		}
		catch (error) {
			return this.say(error.message);
		}

		if (!all)
			return this.say(_('This connection has ended.'));

		const written = name => /^(mark|status)$/.test(name) ? rctd.hex(all[name])
			: name == 'start' ? new Date(1000 * all[name]).toLocaleString() : String(all[name]);

		ui.showModal([ rctd.sentence(all) ], [
			this.may ? this.changeForm(all, 'mark', _('Mark'), rctd.hex(all.mark), _('A number, or value/mask to set some bits.')) : '',
			this.may && all.timeout !== undefined ? this.changeForm(all, 'timeout', _('Timeout'), all.timeout, _('Seconds. Traffic renews it no more, and it can be set once.')) : '',
			E('div', { 'class': 'rctd-fields' }, [
				E('table', { 'class': 'table' }, Object.keys(all).sort().map(name => E('tr', { 'class': 'tr' }, [
					E('td', { 'class': 'td left' }, [ name ]),
					E('td', { 'class': 'td left' }, [ written(name) ])
				])))
			]),
			E('div', { 'class': 'right' }, [
				E('button', { 'class': 'btn cbi-button', 'click': ui.hideModal }, [ _('Close') ]), ' ',
				this.may ? E('button', { 'class': 'btn cbi-button cbi-button-negative', 'click': () => this.kill([ all ]) }, [ _('Kill…') ]) : ''
			])
		]);
	},

	changeForm(row, field, title, value, hint) {
		const said = E('small', {}, [ hint ]);
		const input = E('input', { 'type': 'text', 'class': 'cbi-input-text', 'name': field, 'value': value, 'autocomplete': 'off', 'aria-label': title });

		return E('form', {
			'class': 'rctd-line', 'submit': event => {
				event.preventDefault();
				rctd.call('change', field, row.id, input.value.trim()).then(() => _('Changed.'), error => error.message).then(text => dom.content(said, [ text ]));
			}
		}, [ title, input, E('button', { 'class': 'btn cbi-button cbi-button-apply', 'type': 'submit' }, [ _('Set') ]), said ]);
	},

	/* -- hosts and services --------------------------------------------------------------------------------------- */

	renderGroups() {
		const orders = Object.keys(ORDERS).map(by => E('th', { 'class': 'th rctd-figure', 'scope': 'col', 'data-by': by }, [
			E('button', { 'class': 'rctd-sort', 'type': 'button', 'click': () => this.go({ by }) }, [ ORDERS[by].title, E('span', { 'class': 'rctd-arrow' }) ])
		]));

		this.nodes.orders = orders;

		return this.keep('page-who', E('div', { 'class': 'cbi-section', 'style': 'display:none' }, [
			E('div', { 'class': 'rctd-line' }, [
				E('label', {}, [
					_('Who'), ' ',
					this.keep('group', E('select', { 'class': 'cbi-input-select', 'change': event => this.go({ group: event.target.value }) },
						Object.keys(GROUPS).map(group => E('option', { 'value': group }, [ GROUPS[group].title ]))))
				]),
				this.keep('groups-total', E('span', {}))
			]),
			this.keep('groups', E('table', { 'class': 'table', 'aria-label': _('Hosts and services') }, [
				this.keep('groups-head', E('tr', { 'class': 'tr table-titles' }, [ E('th', { 'class': 'th', 'scope': 'col' }, [ _('Name') ]), ...orders ]))
			])),
			this.keep('remark', E('p', {}))
		]));
	},

	showGroups({ table, total, matched, error, other }) {
		const { group } = this.place;
		const line = (key, row, term) => {
			const name = this.names.get(key);
			const told = name ? '%s (%s)'.format(name, key) : key;

			return E('tr', { 'class': 'tr' }, [
				E('td', { 'class': 'td rctd-side', 'data-title': GROUPS[group].title }, [
					term ? E('button', {
						'class': 'rctd-value', 'type': 'button', 'title': term, 'click': () => {
							this.place.tab = 'table';
							this.addTerm(term);
						}
					}, [ told ]) : told
				]),
				...Object.keys(ORDERS).map(by => E('td', { 'class': 'td rctd-figure', 'data-title': ORDERS[by].title }, [ row[by] === undefined ? '–' : ORDERS[by].text(row[by]) ]))
			]);
		};
		const lines = table.map(row => row[group] === undefined ? line('–', row) : line(row[group], row, GROUPS[group].term(row[group])));

		if (other)
			lines.push(line(_('others'), other));

		/* These lines are few and hold no selection, so they are made anew. */
		dom.content(this.nodes.groups, [ this.nodes['groups-head'], ...lines ]);
		dom.content(this.nodes['groups-total'], [ '%d / %d'.format(table.length, total) ]);
		dom.content(this.nodes.remark, [ error ? _('A row may count so many connections too many: %d').format(error) : '' ]);
		this.total = matched;
		this.showTotal();
	}
});
