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

function loadState() {
    try {
        Object.assign(state, JSON.parse(sessionStorage.getItem(STATE_KEY)) || {});
    } catch {
        /* A browser that keeps nothing for files: every load begins anew. */
    }
}

function saveState() {
    try {
        sessionStorage.setItem(STATE_KEY, JSON.stringify(state));
    } catch {
        /* As above. */
    }
}

function setState(changes) {
    Object.assign(state, changes);
    saveState();
}

/* Back to where the reader was, and from then on remember it. */
function keepScroll() {
    window.scrollTo(0, state.scroll);
    window.addEventListener('pagehide', () => setState({scroll: window.scrollY}));
}
