// SPDX-License-Identifier: Apache-2.0
/* The confusion matrix on a canvas: rows are labels, columns are answers, and the strength of a
 * cell is its share of the row. It shows all fine classes grouped by superclass, the coarse
 * classes, or the classes of one superclass with all answers outside it in one column. */

const MATRIX_MOST = 860; /* pixels */
const CELL_MOST = 84;
const TEXT_LEAST = 26; /* the smallest cell in which the number is written */

/* Names in groups of one row or column each. */
function singly(names) {
    return names.map((name, from) => ({name, from, size: 1}));
}

function fineView(evaluation) {
    const groups = [];
    const order = [];
    evaluation.coarse_classes.forEach((name, parent) => {
        const members = membersOf(evaluation, parent);
        if (members.length)
            groups.push({name, parent, from: order.length, size: members.length});
        order.push(...members);
    });
    const names = order.map(fine => evaluation.fine_classes[fine]);
    return {kind: 'fine', rows: names, columns: names, left: groups, above: groups,
            counts: order.map(label => order.map(answer => evaluation.fine[label][answer]))};
}

function coarseView(evaluation) {
    const names = evaluation.coarse_classes;
    const groups = singly(names).map((group, parent) => ({...group, parent}));
    return {kind: 'coarse', rows: names, columns: names, left: groups, above: groups,
            counts: coarseMatrix(evaluation)};
}

function blockView(evaluation, members) {
    const rows = members.map(fine => evaluation.fine_classes[fine]);
    const columns = [...rows, 'another superclass'];
    const counts = members.map(label => {
        const inside = members.map(answer => evaluation.fine[label][answer]);
        return [...inside, sum(evaluation.fine[label]) - sum(inside)];
    });
    return {kind: 'block', rows, columns, left: singly(rows), above: singly(columns), counts};
}

/* choice: "fine", "coarse", or the number of a superclass. */
function matrixView(evaluation, choice) {
    const members = membersOf(evaluation, Number(choice));
    return choice === 'coarse' ? coarseView(evaluation)
        : members.length ? blockView(evaluation, members) : fineView(evaluation);
}

class Matrix {
    constructor(said, zoom) {
        this.said = said; /* called with the cell under the pointer */
        this.zoom = zoom; /* called with the superclass that was clicked */
        this.canvas = el('canvas', {
            class: 'matrix', role: 'img', tabindex: 0,
            onpointermove: event => this.point(this.cellAt(event)),
            onpointerleave: () => this.point(null),
            onclick: event => this.open(this.cellAt(event)),
            onkeydown: event => this.press(event)});
        this.node = el('div', {class: 'matrix-box'}, this.canvas);
        new ResizeObserver(() => this.draw()).observe(this.node);
    }

    set(view) {
        this.view = view;
        this.totals = view.counts.map(sum);
        this.canvas.setAttribute('aria-label', `Confusion matrix, ${view.rows.length} rows; ` +
                                 'arrow keys move from cell to cell');
        this.point(null);
    }

    setFont(context, size) {
        context.font = `${size}px ${getComputedStyle(document.body).fontFamily}`;
    }

    /* Sets the layout: names on the left and above, then square cells. */
    layout(context) {
        const {rows, columns, left, above} = this.view;
        const wide = Math.min(this.node.clientWidth, MATRIX_MOST);
        this.setFont(context, 12);
        const longest = Math.max(...[...left, ...above].map(
            ({name}) => context.measureText(name).width));
        this.margin = Math.min(longest + 12, Math.max(76, wide * 0.22));
        this.size = Math.min(CELL_MOST, (wide - this.margin - 2) / columns.length);
        this.width = this.size * columns.length;
        this.height = this.size * rows.length;
    }

    draw() {
        if (!this.node.clientWidth)
            return;
        const {canvas} = this;
        const context = canvas.getContext('2d');
        this.layout(context);
        const scale = window.devicePixelRatio || 1;
        for (const side of ['width', 'height']) {
            const pixels = this.margin + this[side] + 2;
            canvas[side] = Math.round(pixels * scale);
            canvas.style[side] = `${pixels}px`;
        }
        context.scale(scale, scale);
        this.readColours();
        this.drawCells(context);
        this.drawLines(context);
        this.drawNames(context, this.view.left, false);
        this.drawNames(context, this.view.above, true);
    }

    /* Reads the colours of the theme, because a canvas cannot use CSS variables. */
    readColours() {
        this.colours = {};
        for (const name of ['right', 'wrong', 'ink', 'muted', 'rule', 'cell', 'strong']) {
            this.canvas.style.color = `var(--${name})`;
            this.colours[name] = getComputedStyle(this.canvas).color;
        }
    }

    /* Calls act for each cell that is not empty, with its place and its share of the row. */
    eachCell(act) {
        this.view.counts.forEach((row, r) => row.forEach((images, c) => {
            if (images)
                act(images, this.margin + c * this.size, this.margin + r * this.size,
                    images / this.totals[r], r === c);
        }));
    }

    drawCells(context) {
        const {size, colours} = this;
        const gap = size > 6 ? 1 : 0;
        context.fillStyle = colours.cell;
        context.fillRect(this.margin, this.margin, this.width, this.height);
        this.eachCell((images, x, y, share, right) => {
            context.globalAlpha = Math.min(1, 0.1 + 0.9 * Math.sqrt(share));
            context.fillStyle = right ? colours.right : colours.wrong;
            context.fillRect(x, y, size - gap, size - gap);
        });
        context.globalAlpha = 1;
        this.setFont(context, Math.min(14, size / 2.6));
        context.textAlign = 'center';
        context.textBaseline = 'middle';
        if (size >= TEXT_LEAST)
            this.eachCell((images, x, y, share) => {
                context.fillStyle = share > 0.3 ? colours.strong : colours.ink;
                context.fillText(images, x + 0.5 * size - 0.5, y + 0.5 * size);
            });
    }

    drawLines(context) {
        const {size, margin, view, width, height} = this;
        context.strokeStyle = this.colours.rule;
        context.lineWidth = 1;
        context.beginPath();
        if (view.kind === 'fine')
            for (const group of view.left.slice(1)) {
                const at = Math.round(margin + group.from * size) - 0.5;
                context.moveTo(margin, at);
                context.lineTo(margin + width, at);
                context.moveTo(at, margin);
                context.lineTo(at, margin + height);
            }
        context.rect(margin - 0.5, margin - 0.5, width + 1, height + 1);
        context.stroke();
    }

    /* Draws the names on the left or, turned by a quarter, above; names that do not fit are cut. */
    drawNames(context, groups, turned) {
        this.setFont(context, clamp(this.size * this.view.left[0].size - 2.5, 8, 12));
        context.fillStyle = this.colours.muted;
        context.textAlign = turned ? 'left' : 'right';
        for (const {name, from, size} of groups) {
            const at = [this.margin - 6, this.margin + (from + size / 2) * this.size];
            context.save();
            context.translate(...turned ? at.reverse() : at);
            context.rotate(turned ? -Math.PI / 2 : 0);
            context.fillText(this.cut(context, name), 0, 0);
            context.restore();
        }
    }

    cut(context, name) {
        let text = name;
        for (let kept = name.length; kept > 0; text = `${name.slice(0, --kept)}\u2026`)
            if (context.measureText(text).width <= this.margin - 10)
                break;
        return text;
    }

    /* [row, column] under the pointer, -1 for the margins with the names; null outside. */
    cellAt(event) {
        const box = this.canvas.getBoundingClientRect();
        const place = at => Math.max(-1, Math.floor((at - this.margin) / this.size));
        const [row, column] = [place(event.clientY - box.top), place(event.clientX - box.left)];
        return row < this.view.rows.length && column < this.view.columns.length
            ? [row, column] : null;
    }

    point(cell) {
        this.cell = cell && Math.min(...cell) >= 0 ? cell : null;
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

    /* Opens the superclass of a cell or, in the margin, of a name. */
    open(cell) {
        if (!cell || this.view.kind === 'block')
            return;
        const place = cell[0] >= 0 ? cell[0] : cell[1];
        const group = this.view.left.find(({from, size}) => place >= from && place < from + size);
        if (group)
            this.zoom(String(group.parent));
    }

    press(event) {
        const moves = {ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0]};
        const move = moves[event.key];
        if (move) {
            const [row, column] = this.cell || [0, -move[1]];
            this.point([clamp(row + move[0], 0, this.view.rows.length - 1),
                        clamp(column + move[1], 0, this.view.columns.length - 1)]);
        } else if (event.key === 'Enter')
            this.open(this.cell);
        else if (event.key === 'Escape')
            this.zoom('fine');
        else
            return;
        event.preventDefault();
    }
}
