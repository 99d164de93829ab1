// SPDX-License-Identifier: Apache-2.0
/* The comparison of a network that learns the fine classes alone with one that learns both levels:
 * runs of equal options, but for the seed, are one side with a mean and a spread. */

/* Options that do not change what is learnt, or are what is compared. */
const ASIDE = ['only_fine', 'seed', 'threads', 'max_bad', 'metrics', 'metrics_every',
               'checkpoint_every', 'histograms', 'run', 'tune'];

function otherOptions(run) {
    return Object.entries(run.config).filter(([name]) => !ASIDE.includes(name))
        .sort(([a], [b]) => a < b ? -1 : 1);
}

/* {key, fine: [runs], both: [runs]} for each set of otherwise equal options. */
function groupRuns(runs) {
    const groups = new Map();
    for (const run of runs) {
        const key = JSON.stringify(otherOptions(run));
        if (!groups.has(key))
            groups.set(key, {fine: [], both: []});
        groups.get(key)[run.config.only_fine ? 'fine' : 'both'].push(run);
    }
    return [...groups.values()];
}

/* A mean is of runs that came to their end; where a side has none of these, of all it has. */
function complete(runs) {
    const finished = runs.filter(run => run.state === 'finished');
    return finished.some(run => run.config.only_fine) &&
           finished.some(run => !run.config.only_fine) ? finished : runs;
}

function bestScore(run) {
    return largest(run, 'validation/fine_top1') ?? testScore(run, 'fine_top1') ?? -1;
}

function bestGroup(groups, side) {
    const score = group => mean(group[side].map(bestScore));
    return groups.filter(group => group[side].length)
        .reduce((a, b) => score(b) > score(a) ? b : a)[side];
}

/* Pairs of equal options; where there is none, the best of each side. */
function findPairs(runs) {
    const groups = groupRuns(runs);
    const pairs = groups.filter(group => group.fine.length && group.both.length);
    if (pairs.length)
        return pairs;
    return [{fine: bestGroup(groups, 'fine'), both: bestGroup(groups, 'both')}];
}

function differingOptions(a, b) {
    const [left, right] = [new Map(otherOptions(a)), new Map(otherOptions(b))];
    return [...new Set([...left.keys(), ...right.keys()])].filter(name =>
        JSON.stringify(left.get(name)) !== JSON.stringify(right.get(name)));
}

/* Both kinds of network have this coarse answer; only one has a coarse head. The set may be a part,
 * as "test half" is of "test". */
function parentScore(set) {
    return ({evaluation}) => evaluation && evaluation.set.startsWith(set)
        ? accuracy(foldMatrix(evaluation), evaluation.undecided) : null;
}

const COMPARED = [
    ['Validation, fine top-1', run => largest(run, 'validation/fine_top1')],
    ['Test, fine top-1', run => testScore(run, 'fine_top1')],
    ['Validation, coarse top-1 by the parent of the fine answer', parentScore('validation')],
    ['Test, coarse top-1 by the parent of the fine answer', parentScore('test')],
    ['Validation, coarse top-1 of the coarse head', run => largest(run, 'validation/coarse_top1')],
    ['Test, coarse top-1 of the coarse head', run => testScore(run, 'coarse_top1')],
];

/* A single run has its own colour; several have their side's. */
function sideClass(runs, kind) {
    return runs.length === 1 ? runClass(runs[0]) : kind;
}

/* One side of a row: the bar of the mean, a mark for each seed, the number. */
function sideBar(name, kind, scores, top) {
    if (!scores.length)
        return el('div', {class: 'side'}, el('span', {class: 'side-name'}, name),
                  el('span', {class: 'faint none'}, 'not measured'));
    const track = bar(mean(scores) / top, kind);
    if (scores.length > 1)
        for (const score of scores) {
            const seed = el('span', {class: 'seed'});
            seed.style.left = `${score / top * 100}%`;
            track.append(seed);
        }
    const spread = deviation(scores);
    return el('div', {class: 'side'}, el('span', {class: 'side-name'}, name), track,
              el('span', {class: 'side-value'}, percent(mean(scores)),
                 spread !== null && el('span', {class: 'faint'},
                                       ` \u00b1 ${(spread * 100).toFixed(2)}`)));
}

function comparedRow(pair, [title, read]) {
    const fine = pair.fine.map(read).filter(isNumber);
    const both = pair.both.map(read).filter(isNumber);
    if (!fine.length && !both.length)
        return null;
    const top = Math.max(...fine, ...both) > 0.5 ? 1 : Math.max(...fine, ...both, 1e-3) * 1.2;
    const difference = fine.length && both.length ? mean(both) - mean(fine) : null;
    const sign = difference === null || Math.abs(difference) < 5e-5
        ? '' : difference > 0 ? 'better' : 'worse';
    return el('div', {class: 'compared'}, el('h4', {}, title),
              el('div', {class: 'sides'}, sideBar('only fine', sideClass(pair.fine, 'fine'), fine, top),
                 sideBar('coarse + fine', sideClass(pair.both, 'both'), both, top)),
              el('p', {class: `difference ${sign}`},
                 difference === null ? NONE : signedPoints(difference),
                 difference !== null && el('span', {}, ' points')));
}

function namesOf(runs) {
    return runs.map((run, i) => [i > 0 && ', ', run.name]);
}

function pairCard(pair) {
    const differing = differingOptions(pair.fine[0], pair.both[0]);
    const seeds = Math.max(pair.fine.length, pair.both.length) > 1;
    return el('div', {class: 'card pair'},
              el('p', {class: 'pair-names'}, 'only fine: ', el('strong', {}, namesOf(pair.fine)),
                 el('br'), 'coarse + fine: ', el('strong', {}, namesOf(pair.both))),
              COMPARED.map(row => comparedRow(pair, row)),
              seeds && el('p', {class: 'note'}, 'Means over the runs of a side, \u00b1 their ' +
                          'standard deviation; each run is a mark on the bar.'),
              differing.length > 0 &&
                  el('p', {class: 'note warning'}, 'Not a like-for-like pair: these also differ ' +
                     'in ', differing.map(readable).join(', '), '.'));
}

function comparisonSection(runs) {
    const title = 'Comparison';
    const both = runs.some(run => !run.config.only_fine);
    if (!both || !runs.some(run => run.config.only_fine))
        return section('comparison', title, null,
                       emptyLine('This needs a run with --only-fine and one without it.'));
    const compared = complete(runs);
    const rest = runs.length - compared.length;
    const unfinished = compared.some(run => run.state !== 'finished');
    return section('comparison', title, 'Only fine classes against coarse and fine classes ' +
                   'together; the difference is what the coarse classes add, in points.',
                   el('div', {class: 'pairs'}, findPairs(compared).map(pairCard)),
                   rest > 0 && el('p', {class: 'note'}, 'Left out, since not finished: ',
                                  plural(rest, 'run', 'runs'), '.'),
                   unfinished && el('p', {class: 'note'}, 'Not all of these have finished yet.'));
}
