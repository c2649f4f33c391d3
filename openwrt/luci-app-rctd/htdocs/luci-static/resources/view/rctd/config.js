'use strict';
'require view';
'require form';
'require fs';
'require dom';
'require ui';
'require rctd';

/* The configuration of rctd: one option here is one option of /etc/config/rctd, and one flag of the daemon. */

const PASSWORD_FILE = '/var/run/rctd-luci/password';

/* A check of a value that LuCI has no type for; what is not said here the daemon says when it starts. */
const checked = (pattern, wanted) => (section, value) => !value || pattern.test(value) ? true : wanted;

const LISTEN = /^(unix:\/\S+|(\d{1,3}(\.\d{1,3}){3}|\[[0-9A-Fa-f:.]+\]):([1-9]\d{0,4}))$/;
const NUMBER = /^(0x[0-9A-Fa-f]{1,8}|[1-9]\d{0,9})$/;
const PATH = /^\/\S+$/;
const AUTH = /^(none|file:\/\S+|shadow(:\/\S+)?|program:\/\S+)$/;
const NET = /^(\d{1,3}(\.\d{1,3}){3}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)(\/\d{1,3})?$/;

return view.extend({
	load() {
		return Promise.all([
			rctd.call('stats').catch(error => error),
			rctd.run('log').catch(() => '')
		]);
	},

	render([ stats, log ]) {
		const may = L.hasViewPermission() === true;
		const map = new form.Map('rctd', _('Live Connections'),
			_('rctd shows and cuts the connections of this router, for LuCI and for programs that speak XML-RPC. One option here is one flag of the daemon; rctd --help and its manual say more.'));

		this.seen = [ stats, log ];
		this.stateSection(map);
		this.options(map);

		/* Not in the map: that is drawn anew whenever it is saved, and would take what was typed with it. */
		return map.render().then(node => E('div', {}, [ node, may ? this.passwordSection() : '' ]));
	},

	/* -- how it is with the daemon -------------------------------------------------------------------------------- */

	stateSection(map) {
		const section = map.section(form.NamedSection, 'main', 'rctd', _('The daemon'));

		section.render = () => {
			this.state = E('div', {});
			this.log = E('pre', { 'style': 'white-space:pre-wrap;overflow-wrap:anywhere' });
			this.showState();

			return E('div', { 'class': 'cbi-section', 'id': 'rctd-state' }, [
				E('h3', {}, [ _('The daemon') ]),
				this.state,
				E('details', this.seen[0] instanceof Error ? { 'open': '' } : {}, [ E('summary', {}, [ _('What it said last') ]), this.log ]),
				E('button', { 'class': 'btn cbi-button', 'type': 'button', 'click': ui.createHandlerFn(this, 'lookAgain') }, [ _('Look again') ])
			]);
		};
	},

	showState() {
		const [ stats, log ] = this.seen;
		const answers = !(stats instanceof Error);

		dom.content(this.state, [ E('p', { 'class': answers ? 'alert-message success' : 'alert-message warning' }, [ answers
			? _('rctd %s answers: it has run for %s and sees %d connections.').format(stats.version, rctd.duration(stats.uptime), stats.count)
			: stats.message ]) ]);
		/* Addresses and names in the log come from others: this is text. */
		dom.content(this.log, [ log.trim() || _('The system log has nothing of it.') ]);
	},

	lookAgain() {
		return this.load().then(seen => {
			this.seen = seen;
			this.showState();
		});
	},

	/* -- the options ---------------------------------------------------------------------------------------------- */

	options(map) {
		const section = map.section(form.TypedSection, 'rctd', _('Settings'));

		section.anonymous = false;
		section.addremove = false;
		section.tab('general', _('General'));
		section.tab('access', _('Access'));
		section.tab('names', _('Names and networks'));
		section.tab('limits', _('Kernel and limits'));

		this.general(section);
		this.access(section);
		this.names(section);
		this.limits(section);
	},

	option(section, tab, type, name, title, description, more) {
		const option = section.taboption(tab, type, name, title, description);

		option.optional = true;
		option.rmempty = true;

		return Object.assign(option, more);
	},

	general(section) {
		this.option(section, 'general', form.Flag, 'enabled', _('Start the daemon'), null, { default: '1', optional: false, rmempty: false });
		this.option(section, 'general', form.DynamicList, 'listen', _('Listen on'),
			_('ADDRESS:PORT, [IPv6 ADDRESS]:PORT or unix:PATH. LuCI\'s page needs a unix socket; as installed it is unix:/var/run/rctd/rctd.sock. What goes over a network is not encrypted.'),
			{ placeholder: '192.168.1.1:8000', validate: checked(LISTEN, _('Expecting ADDRESS:PORT, [IPv6 ADDRESS]:PORT or unix:PATH')) });
		this.option(section, 'general', form.Value, 'user', _('Account'),
			_('The account the daemon runs as, with the right to change connections and no other. It is root only where the router\'s own accounts may log in.'),
			{ placeholder: 'rctd', datatype: 'uciname' });
		this.choice(section, 'general', 'log_level', _('What is logged'), null, [ 'error', 'warn', 'info', 'debug' ], 'info');
	},

	choice(section, tab, name, title, description, values, usual) {
		const option = this.option(section, tab, form.ListValue, name, title, description, {});

		option.value('', _('as the daemon has it (%s)').format(usual));
		values.forEach(value => option.value(value));

		return option;
	},

	access(section) {
		this.option(section, 'access', form.Value, 'auth', _('Who may log in'),
			_('none: everyone who reaches it; file:PATH: users of a password file, below; shadow: this router\'s own accounts, which needs the account root.'),
			{ placeholder: 'none', validate: checked(AUTH, _('Expecting none, file:PATH, shadow or program:PATH')) }).value('file:/etc/rctd/passwd');
		this.option(section, 'access', form.DynamicList, 'allow_user', _('Accounts that may log in'), _('With shadow, these and no others.'), {});
		this.option(section, 'access', form.Flag, 'insecure_no_auth', _('No password on the network'),
			_('Listen beyond the router itself although nobody has to log in. Then everyone who reaches the port can cut every connection.'), { default: '0' });
		this.option(section, 'access', form.Value, 'session_timeout', _('Session ends after'), _('Seconds without a call, after which a client has to log in again.'),
			{ placeholder: '10', datatype: 'range(1,86400)' });
		this.option(section, 'access', form.DynamicList, 'allow_host', _('Further names of this router'), _('Names by which clients may call it (the HTTP Host).'), { datatype: 'hostname' });
		this.option(section, 'access', form.Value, 'forwarded', _('Header with a proxy\'s client'), _('The header field in which a proxy on this router names its client.'), { placeholder: 'X-Forwarded-For' });
		this.choice(section, 'access', 'metrics', _('Metrics'), _('Give Prometheus its figures at /metrics; with “table” also those that need the whole table read.'), [ '0', '1', 'table' ], '0');
		this.option(section, 'access', form.DynamicList, 'metrics_allow', _('Who may read metrics'), _('Networks or addresses; without any, this router alone.'),
			{ placeholder: '192.168.1.0/24', validate: checked(NET, _('Expecting ADDRESS or ADDRESS/BITS')) });
		this.option(section, 'access', form.Value, 'metrics_hosts', _('Hosts in metrics'), _('A network whose hosts have metrics of their own.'),
			{ placeholder: '192.168.1.0/24', validate: checked(NET, _('Expecting ADDRESS or ADDRESS/BITS')) });
	},

	names(section) {
		this.option(section, 'names', form.DynamicList, 'leases', _('Leases'), _('Files in which the names of hosts are looked up: /tmp/dhcp.leases has those that got their address here.'),
			{ placeholder: '/tmp/dhcp.leases', validate: checked(PATH, _('Expecting a path')) });
		this.option(section, 'names', form.DynamicList, 'hosts', _('Hosts files'), _('Files such as /etc/hosts.'), { placeholder: '/etc/hosts', validate: checked(PATH, _('Expecting a path')) });
		this.option(section, 'names', form.DynamicList, 'lan', _('Networks inside'), _('What counts as local in the lists of hosts: ADDRESS or ADDRESS/BITS.'),
			{ placeholder: '192.168.1.0/24', validate: checked(NET, _('Expecting ADDRESS or ADDRESS/BITS')) });
		this.option(section, 'names', form.DynamicList, 'ignore', _('Not shown'), _('Networks or addresses whose connections are not shown.'),
			{ placeholder: '127.0.0.0/8', validate: checked(NET, _('Expecting ADDRESS or ADDRESS/BITS')) });
		this.option(section, 'names', form.Flag, 'hide_time_wait', _('Hide what is over'), _('Leave out TCP connections that only wait for their end (TIME_WAIT).'), { default: '0' });
		this.option(section, 'names', form.Value, 'uid_mask', _('User\'s bits of the mark'), _('The bits of a connection\'s mark that hold a user\'s number, decimal or hexadecimal.'),
			{ placeholder: '0xffff', validate: checked(NUMBER, _('Expecting a number that is not 0, decimal or 0x hexadecimal')) });
		this.option(section, 'names', form.Value, 'passwd_file', _('Users\' names'), _('The file in which the names of these users are looked up.'),
			{ placeholder: '/etc/passwd', validate: checked(PATH, _('Expecting a path')) });
	},

	limits(section) {
		this.option(section, 'limits', form.Flag, 'enable_accounting', _('Count bytes'),
			_('Make the kernel count bytes and packets of connections that begin from now on. OpenWrt does so by itself.'), { default: '0' });
		this.option(section, 'limits', form.Flag, 'enable_timestamps', _('Keep start times'), _('OpenWrt\'s own kernels can\'t.'), { default: '0' });
		this.option(section, 'limits', form.Value, 'rate_flows', _('Rates'), _('Connections whose rates are known at a time, 28 bytes each.'), { placeholder: '16384', datatype: 'range(1,1048576)' });
		this.option(section, 'limits', form.Value, 'snapshot_flows', _('Snapshot'), _('Connections that fit a snapshot.'), { placeholder: '16384', datatype: 'range(1,1048576)' });
		this.choice(section, 'limits', 'wide_ints', _('Large numbers'), _('How a number beyond 31 bits is sent to programs.'), [ 'double', 'i8', 'string' ], 'double');
	},

	/* -- passwords ------------------------------------------------------------------------------------------------ */

	passwordSection() {
		const user = E('input', { 'type': 'text', 'class': 'cbi-input-text', 'id': 'rctd-user', 'autocomplete': 'off', 'autocapitalize': 'off', 'value': 'admin' });
		const password = E('input', { 'type': 'password', 'class': 'cbi-input-password', 'id': 'rctd-password', 'autocomplete': 'new-password' });
		const said = E('p', { 'role': 'status' });
		const row = (title, input, hint) => E('div', { 'class': 'cbi-value' }, [
			E('label', { 'class': 'cbi-value-title', 'for': input.id }, [ title ]),
			E('div', { 'class': 'cbi-value-field' }, [ input, hint ? E('div', { 'class': 'cbi-value-description' }, [ hint ]) : '' ])
		]);

		return E('div', { 'class': 'cbi-section', 'id': 'rctd-passwords' }, [
			E('h3', {}, [ _('Passwords') ]),
			E('p', {}, [ _('A user of the password file that “Who may log in” names and that is saved, or of /etc/rctd/passwd. A password that is there is replaced.') ]),
			row(_('User'), user),
			row(_('Password'), password),
			E('div', { 'class': 'cbi-value' }, [
				E('span', { 'class': 'cbi-value-title' }),
				E('div', { 'class': 'cbi-value-field' }, [
					E('button', {
						'class': 'btn cbi-button cbi-button-apply', 'type': 'button',
						'click': ui.createHandlerFn(this, () => this.setPassword(user.value.trim(), password, said))
					}, [ _('Set the password') ])
				])
			]),
			said
		]);
	},

	/*
	 * A list of processes shows the arguments of every program, so the password is none of them: it waits in a file of
	 * memory that only root can open, and goes to rctd from there.
	 */
	async setPassword(user, input, said) {
		try {
			if (!input.value || /[\u0000-\u001f\u007f]/.test(input.value))
				throw new Error(_('A password is needed, without control characters.'));

			/* Only the wrapper takes the file away, and it is not called with a name that can't be sent. */
			if (/[\u0000-\u001f\u007f]/.test(user))
				throw new Error(_('A control character is in what was typed.'));

			await rctd.call('prepare');
			await fs.write(PASSWORD_FILE, input.value, 384 /* 0600 */);
			await rctd.call('passwd', user);
			input.value = '';
			dom.content(said, [ _('The password is set.') ]);
		}
		catch (error) {
			dom.content(said, [ error.message ]);
		}
	}
});
