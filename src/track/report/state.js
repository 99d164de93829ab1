// SPDX-License-Identifier: Apache-2.0
/* What the reader has chosen: the theme, charts, zoom, hidden runs. It outlives a reload of the
 * page, which a report that is being watched does every few seconds. */

const STATE_KEY = `hcnn-cl report ${location.pathname}`;

const state = {
    theme: null,      /* "light", "dark"; null: the system's */
    charts: null,     /* metrics of the charts; null: the default ones */
    enlarged: null,   /* the place of the one that has all the width */
    smoothing: 0,     /* weight of what came before, 0 to 0.99 */
    axis: 'step',     /* or "epoch" */
    logarithmic: false,
    zoom: null,       /* [from, to] on the axis */
    hidden: [],       /* names of runs */
    run: null,        /* whose classes and mistakes are shown */
    matrix: 'fine',   /* "fine", "coarse", or the number of a superclass */
    treeOrder: 'name',
    treeOpen: [],
    filter: '',
    differences: false,
    brushes: {},      /* axis: [from, to], 0 to 1 from the bottom */
    scroll: 0,
};

const watchers = [];

/* Draws now, and again whenever one of these parts of the state is set. */
function watch(parts, draw) {
    watchers.push({parts, draw});
    draw();
}

function setState(changes) {
    Object.assign(state, changes);
    try {
        sessionStorage.setItem(STATE_KEY, JSON.stringify(state));
    } catch {
        /* A browser that keeps nothing for files: every load begins anew. */
    }
    watchers.filter(({parts}) => parts.some(part => part in changes))
        .forEach(({draw}) => draw());
}

function loadState() {
    try {
        Object.assign(state, JSON.parse(sessionStorage.getItem(STATE_KEY)));
    } catch {
        /* As above. */
    }
}

/* The list with the item or without it. */
function including(list, item, included) {
    const others = list.filter(other => other !== item);
    return included ? [...others, item] : others;
}

/* Back to where the reader was, and from then on remember it. */
function keepScroll() {
    window.scrollTo(0, state.scroll);
    window.addEventListener('pagehide', () => setState({scroll: window.scrollY}));
}
