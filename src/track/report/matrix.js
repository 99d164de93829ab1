// SPDX-License-Identifier: Apache-2.0
/* The confusion matrix on a canvas: rows are labels, columns answers, a cell's strength is its
 * share of the row. */

const MATRIX_MOST = 860; /* pixels */
const CELL_MOST = 84;
const TEXT_LEAST = 26; /* the smallest cell that has its number written */

class Matrix {
    constructor(said, zoom) {
        this.said = said; /* the line that tells of the cell under the pointer */
        this.zoom = zoom; /* is told the superclass that was clicked */
        this.canvas = el('canvas', {class: 'matrix', role: 'img', tabindex: 0});
        this.node = el('div', {class: 'matrix-box'}, this.canvas);
        const listen = (name, act) => this.canvas.addEventListener(name, act);
        listen('pointermove', event => this.point(this.cellAt(event)));
        listen('pointerleave', () => this.point(null));
        listen('click', event => this.open(this.cellAt(event)));
        listen('keydown', event => this.press(event));
        document.addEventListener('theme', () => this.draw());
        new ResizeObserver(() => this.draw()).observe(this.node);
    }

    set(view) {
        this.view = view;
        this.totals = rowTotals(view);
        this.cell = null;
        this.canvas.setAttribute('aria-label', `Confusion matrix, ${view.rows.length} rows; ` +
                                 'arrow keys move from cell to cell');
        this.draw();
    }

    /* Where things lie: labels to the left and above, then square cells. */
    layout(context) {
        const view = this.view;
        const wide = Math.min(this.node.clientWidth, MATRIX_MOST);
        context.font = `12px ${getComputedStyle(document.body).fontFamily}`;
        const names = view.groups.length ? view.groups.map(group => group.name)
                                         : [...view.rows, ...view.columns];
        const longest = Math.max(...names.map(name => context.measureText(name).width));
        this.margin = Math.min(longest + 12, Math.max(76, wide * 0.22));
        this.size = Math.min(CELL_MOST, (wide - this.margin - 2) / view.columns.length);
        this.width = this.margin + this.size * view.columns.length + 2;
        this.height = this.margin + this.size * view.rows.length + 2;
    }

    draw() {
        if (!this.view || !this.node.clientWidth)
            return;
        const context = this.canvas.getContext('2d');
        this.layout(context);
        const scale = window.devicePixelRatio || 1;
        this.canvas.width = Math.round(this.width * scale);
        this.canvas.height = Math.round(this.height * scale);
        this.canvas.style.width = `${this.width}px`;
        this.canvas.style.height = `${this.height}px`;
        context.scale(scale, scale);
        this.colours = this.readColours();
        this.drawCells(context);
        this.drawLines(context);
        this.drawNames(context);
    }

    readColours() {
        const style = getComputedStyle(document.documentElement);
        const read = name => style.getPropertyValue(name).trim();
        return {right: read('--right'), wrong: read('--wrong'), ink: read('--ink'),
                muted: read('--muted'), rule: read('--rule'), ground: read('--cell')};
    }

    drawCells(context) {
        const [view, size] = [this.view, this.size];
        const gap = size > 6 ? 1 : 0;
        context.fillStyle = this.colours.ground;
        context.fillRect(this.margin, this.margin, size * view.columns.length,
                         size * view.rows.length);
        view.counts.forEach((row, r) => row.forEach((images, c) => {
            if (!images)
                return;
            const share = images / this.totals[r];
            context.globalAlpha = Math.min(1, 0.1 + 0.9 * Math.sqrt(share));
            context.fillStyle = r === c ? this.colours.right : this.colours.wrong;
            context.fillRect(this.margin + c * size, this.margin + r * size, size - gap,
                             size - gap);
        }));
        context.globalAlpha = 1;
        if (size >= TEXT_LEAST)
            this.drawCounts(context);
    }

    /* Strong cells are dark in the light theme and light in the dark one. */
    drawCounts(context) {
        const size = this.size;
        const family = getComputedStyle(document.body).fontFamily;
        context.font = `${Math.min(14, size / 2.6)}px ${family}`;
        context.textAlign = 'center';
        context.textBaseline = 'middle';
        this.view.counts.forEach((row, r) => row.forEach((images, c) => {
            if (!images)
                return;
            const strong = images / this.totals[r] > 0.3;
            context.fillStyle = strong ? (darkTheme() ? '#0b0f14' : '#ffffff') : this.colours.ink;
            context.fillText(images, this.margin + (c + 0.5) * size - 0.5,
                             this.margin + (r + 0.5) * size);
        }));
    }

    drawLines(context) {
        const {size, margin, view} = this;
        const end = [margin + size * view.columns.length, margin + size * view.rows.length];
        context.strokeStyle = this.colours.rule;
        context.lineWidth = 1;
        context.beginPath();
        if (view.kind === 'fine')
            for (const group of view.groups.slice(1)) {
                const at = Math.round(margin + group.from * size) - 0.5;
                context.moveTo(margin, at);
                context.lineTo(end[0], at);
                context.moveTo(at, margin);
                context.lineTo(at, end[1]);
            }
        context.rect(margin - 0.5, margin - 0.5, end[0] - margin + 1, end[1] - margin + 1);
        context.stroke();
    }

    /* Names at the left, and above turned by a quarter; those that do not fit are cut. */
    drawNames(context) {
        const view = this.view;
        const groups = view.groups.length > 0;
        const names = list => list.map((name, from) => ({name, from, size: 1}));
        const pitch = this.size * (groups ? view.groups[0].size : 1);
        const size = Math.max(8, Math.min(12, pitch - 2.5));
        context.font = `${size}px ${getComputedStyle(document.body).fontFamily}`;
        context.fillStyle = this.colours.muted;
        context.textBaseline = 'middle';
        for (const {name, from, size: span} of groups ? view.groups : names(view.rows)) {
            context.textAlign = 'right';
            context.fillText(this.cut(context, name), this.margin - 6,
                             this.margin + (from + span / 2) * this.size);
        }
        for (const {name, from, size: span} of groups ? view.groups : names(view.columns)) {
            context.save();
            context.translate(this.margin + (from + span / 2) * this.size, this.margin - 6);
            context.rotate(-Math.PI / 2);
            context.textAlign = 'left';
            context.fillText(this.cut(context, name), 0, 0);
            context.restore();
        }
    }

    cut(context, name) {
        const room = this.margin - 10;
        if (context.measureText(name).width <= room)
            return name;
        let kept = name;
        while (kept && context.measureText(`${kept}\u2026`).width > room)
            kept = kept.slice(0, -1);
        return `${kept}\u2026`;
    }

    /* [row, column] below the pointer; -1 in the margin of names; null: outside. */
    cellAt(event) {
        const box = this.canvas.getBoundingClientRect();
        const place = (at, many) =>
            at < this.margin ? -1 : Math.min(many, Math.floor((at - this.margin) / this.size));
        const row = place(event.clientY - box.top, this.view.rows.length);
        const column = place(event.clientX - box.left, this.view.columns.length);
        const inside = row < this.view.rows.length && column < this.view.columns.length;
        return inside ? [row, column] : null;
    }

    point(cell) {
        this.cell = cell && cell[0] >= 0 && cell[1] >= 0 ? cell : null;
        this.draw();
        if (!this.cell) {
            this.said(null);
            return;
        }
        const [row, column] = this.cell;
        const context = this.canvas.getContext('2d');
        context.strokeStyle = this.colours.ink;
        context.lineWidth = 2;
        context.strokeRect(this.margin + column * this.size, this.margin + row * this.size,
                           Math.max(this.size, 3), Math.max(this.size, 3));
        const images = this.view.counts[row][column];
        this.said({label: this.view.rows[row], answer: this.view.columns[column], images,
                   share: this.totals[row] ? images / this.totals[row] : null});
    }

    /* The superclass of a cell or, in the margin, of a name. */
    open(cell) {
        if (!cell || this.view.kind === 'block')
            return;
        const place = cell[0] >= 0 ? cell[0] : cell[1];
        const group = this.view.groups.find(g => place >= g.from && place < g.from + g.size);
        if (group)
            this.zoom(String(group.parent));
    }

    press(event) {
        const moves = {ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0]};
        const move = moves[event.key];
        if (move) {
            const [row, column] = this.cell || [0, -move[1]];
            const within = (at, many) => Math.max(0, Math.min(many - 1, at));
            this.point([within(row + move[0], this.view.rows.length),
                        within(column + move[1], this.view.columns.length)]);
        } else if (event.key === 'Enter')
            this.open(this.cell);
        else if (event.key === 'Escape')
            this.zoom('fine');
        else
            return;
        event.preventDefault();
    }
}
