// SPDX-License-Identifier: Apache-2.0
/* The comparison of a network that learns the fine classes alone with one that learns both levels.
 * Runs with the same options, except for the seed, form one side, with a mean and a spread. */

/* Options that do not change what is learnt, or that are compared. */
const ASIDE = ['only_fine', 'seed', 'threads', 'max_bad', 'metrics', 'metrics_every',
               'checkpoint_every', 'histograms', 'run', 'tune'];

/* The other options as {name: JSON}, sorted by name. */
function comparedOptions(run) {
    const names = Object.keys(run.config).filter(name => !ASIDE.includes(name)).sort();
    return Object.fromEntries(names.map(name => [name, JSON.stringify(run.config[name])]));
}

/* Standard deviation, of n - 1; null for a single value. */
function deviation(list) {
    const middle = mean(list);
    return list.length < 2 ? null
        : Math.sqrt(sum(list.map(value => (value - middle) ** 2)) / (list.length - 1));
}

function sidesOf(runs) {
    return {fine: runs.filter(run => run.config.only_fine),
            both: runs.filter(run => !run.config.only_fine)};
}

function isPair({fine, both}) {
    return fine.length > 0 && both.length > 0;
}

/* Pairs whose other options are equal; if there is none, the best of each side. */
function findPairs(runs) {
    const groups = [...groupBy(runs, run => JSON.stringify(comparedOptions(run))).values()]
        .map(sidesOf);
    const pairs = groups.filter(isPair);
    const score = side => mean(side.map(
        run => bestValidation(run, 'fine_top1') ?? testScore(run, 'fine_top1') ?? -1));
    const best = kind => groups.map(group => group[kind]).filter(side => side.length)
        .reduce((a, b) => score(b) > score(a) ? b : a);
    return pairs.length ? pairs : [{fine: best('fine'), both: best('both')}];
}

function differingOptions(...runs) {
    const [left, right] = runs.map(comparedOptions);
    return Object.keys({...left, ...right}).filter(name => left[name] !== right[name]);
}

/* The coarse answer by the parents of the fine answers, which both kinds of network have. The name
 * of the evaluated set may be longer than `set`: "test half" is a part of "test". */
function parentScore(set) {
    return ({evaluation}) => evaluation?.set.startsWith(set)
        ? accuracy(foldMatrix(evaluation), evaluation.undecided) : null;
}

const COMPARED = [
    ['Validation, fine top-1', run => bestValidation(run, 'fine_top1')],
    ['Test, fine top-1', run => testScore(run, 'fine_top1')],
    ['Validation, coarse top-1 by the parent of the fine answer', parentScore('validation')],
    ['Test, coarse top-1 by the parent of the fine answer', parentScore('test')],
    ['Validation, coarse top-1 of the coarse head', run => bestValidation(run, 'coarse_top1')],
    ['Test, coarse top-1 of the coarse head', run => testScore(run, 'coarse_top1')],
];

/* One side of a row: a bar for the mean, a mark for each seed, and the number. A single run has its
 * own colour, several have the colour of their side. */
function sideBar(name, runs, colour, scores, top) {
    const spread = deviation(scores);
    const marks = scores.length > 1 && scores.map(
        score => el('span', {class: 'seed', style: {left: `${score / top * 100}%`}}));
    return el('div', {class: 'side'}, el('span', {class: 'side-name'}, name),
        scores.length === 0 ? el('span', {class: 'faint none'}, 'not measured')
            : [bar(mean(scores) / top, runs.length === 1 ? runColour(runs[0]) : colour, 0, marks),
               el('span', {class: 'side-value'}, percent(mean(scores)),
                  spread !== null && el('span', {class: 'faint'},
                                        ` \u00b1 ${(spread * 100).toFixed(2)}`))]);
}

function differenceLine(difference) {
    if (difference === null)
        return el('p', {class: 'difference'}, NONE);
    const sign = Math.abs(difference) < 5e-5 ? '' : difference > 0 ? 'better' : 'worse';
    return el('p', {class: `difference ${sign}`}, difference < 0 ? '\u2212' : '+',
              Math.abs(difference * 100).toFixed(2), el('span', {}, ' points'));
}

function comparedRow(pair, [title, read]) {
    const [fine, both] = [pair.fine, pair.both].map(runs => runs.map(read).filter(isNumber));
    if (!fine.length && !both.length)
        return null;
    const most = Math.max(...fine, ...both, 1e-3);
    const top = most > 0.5 ? 1 : most * 1.2;
    return el('div', {class: 'compared'}, el('h4', {}, title),
              el('div', {class: 'sides'}, sideBar('only fine', pair.fine, FINE, fine, top),
                 sideBar('coarse + fine', pair.both, COARSE, both, top)),
              differenceLine(fine.length && both.length ? mean(both) - mean(fine) : null));
}

function pairCard(pair) {
    const differing = differingOptions(pair.fine[0], pair.both[0]);
    const names = runs => el('strong', {}, runs.map(run => run.name).join(', '));
    return el('div', {class: 'card pair'},
              el('p', {class: 'pair-names'}, 'only fine: ', names(pair.fine), el('br'),
                 'coarse + fine: ', names(pair.both)),
              COMPARED.map(row => comparedRow(pair, row)),
              Math.max(pair.fine.length, pair.both.length) > 1 &&
                  note('Means over the runs of a side, \u00b1 their standard deviation. Each run ' +
                       'is a mark on the bar.'),
              differing.length > 0 &&
                  el('p', {class: 'note warning'}, 'Not a like-for-like pair: the two also ' +
                     'differ in ', differing.map(readable).join(', '), '.'));
}

/* Means are taken over finished runs; if a side has none, over all runs. */
function comparisonContent(runs) {
    if (!isPair(sidesOf(runs)))
        return 'This needs a run with --only-fine and one without it.';
    const finished = runs.filter(run => run.state === 'finished');
    const compared = isPair(sidesOf(finished)) ? finished : runs;
    const rest = runs.length - compared.length;
    return [leadLine('Fine classes alone, compared with coarse and fine classes together. The ' +
                     'difference, in percentage points, is what the coarse classes add.'),
            el('div', {class: 'pairs'}, findPairs(compared).map(pairCard)),
            rest > 0 && note('Left out because not finished: ', plural(rest, 'run'), '.'),
            compared.some(run => run.state !== 'finished') &&
                note('Some of these runs have not finished.')];
}
