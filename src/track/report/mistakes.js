// SPDX-License-Identifier: Apache-2.0
/* The worst mistakes as pictures. */

function pictureOf(mistake) {
    const data = mistake.picture;
    if (typeof data === 'string' && data.startsWith('data:image/png;base64,'))
        return el('img', {src: data, alt: `image ${mistake.image}`, loading: 'lazy'});
    return el('div', {class: 'no-picture'}, 'no picture');
}

function mistakeCard(mistake, evaluation) {
    const names = evaluation.fine_classes;
    return el('li', {class: 'card mistake'}, pictureOf(mistake),
              el('div', {class: 'mistake-text'},
                 el('p', {class: 'label'}, el('span', {class: 'faint'}, 'is '),
                    names[mistake.label]),
                 el('p', {class: 'answer'}, el('span', {class: 'faint'}, 'taken for '),
                    names[mistake.answer]),
                 el('p', {class: 'faint small'}, `loss ${number(mistake.loss, 3)}, probability `,
                    mistake.probability < 1e-4 ? number(mistake.probability, 1)
                                               : percent(mistake.probability, 2)),
                 el('p', {class: 'faint small path', title: mistake.image}, mistake.image)));
}

function mistakesSection(runs) {
    const title = 'Worst mistakes';
    if (!chosenRun(runs))
        return section('mistakes', title, null, emptyLine('No run has left an evaluation yet.'));
    const list = el('ul', {class: 'mistakes'});
    const draw = () => {
        const evaluation = chosenRun(runs).evaluation;
        list.replaceChildren(...(evaluation.worst.length
            ? evaluation.worst.map(mistake => mistakeCard(mistake, evaluation))
            : [el('li', {class: 'empty'}, 'Every image was recognised.')]));
    };
    whenChosen(draw);
    return section('mistakes', title, 'Wrong fine answers by falling loss; the probability is ' +
                   'that of the label.',
                   el('div', {class: 'tools'}, runChooser(runs, 'Run of the mistakes'),
                      evaluationNote(runs)), list);
}
