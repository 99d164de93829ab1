// SPDX-License-Identifier: Apache-2.0
/* What a confusion matrix shows at a time: all fine classes grouped by superclass, the coarse
 * classes, or the classes of one superclass with the answers outside of it summed up. */

function indicesOf(evaluation, parent) {
    return evaluation.parents.map((p, fine) => p === parent ? fine : -1).filter(i => i >= 0);
}

function fineView(evaluation) {
    const groups = [];
    const order = [];
    evaluation.coarse_classes.forEach((name, parent) => {
        const members = indicesOf(evaluation, parent);
        if (members.length)
            groups.push({name, parent, from: order.length, size: members.length});
        order.push(...members);
    });
    const names = order.map(fine => evaluation.fine_classes[fine]);
    return {kind: 'fine', groups, rows: names, columns: names,
            counts: order.map(label => order.map(answer => evaluation.fine[label][answer]))};
}

function coarseView(evaluation) {
    const names = evaluation.coarse_classes;
    return {kind: 'coarse', rows: names, columns: names, counts: coarseMatrix(evaluation),
            groups: names.map((name, parent) => ({name, parent, from: parent, size: 1}))};
}

function blockView(evaluation, parent) {
    const members = indicesOf(evaluation, parent);
    const names = members.map(fine => evaluation.fine_classes[fine]);
    const elsewhere = row => row.reduce((sum, images, answer) =>
        sum + (evaluation.parents[answer] === parent ? 0 : images), 0);
    return {kind: 'block', groups: [], rows: names, columns: [...names, 'elsewhere'],
            counts: members.map(label => [...members.map(fine => evaluation.fine[label][fine]),
                                          elsewhere(evaluation.fine[label])])};
}

function matrixView(evaluation, choice) {
    const parent = Number(choice);
    if (choice === 'coarse')
        return coarseView(evaluation);
    if (choice !== 'fine' && Number.isInteger(parent) && indicesOf(evaluation, parent).length)
        return blockView(evaluation, parent);
    return fineView(evaluation);
}

function rowTotals(view) {
    return view.counts.map(row => row.reduce((a, b) => a + b, 0));
}
