// SPDX-License-Identifier: Apache-2.0
/* Builds the page from the document that is embedded in it. */

function drawPage() {
    const page = JSON.parse(document.getElementById('document').textContent);
    const runs = prepareRuns(page.runs);
    const evaluated = runs.filter(run => run.evaluation);
    const ofRuns = content => runs.length ? content(runs) : 'There are no runs yet.';
    const ofEvaluations = content => evaluated.length ? content(evaluated)
        : 'No run has written an evaluation yet. Training writes one after each epoch that is ' +
          'the best so far.';
    loadState();
    document.getElementById('header').append(...headerContent(page));
    const sections = [
        section('runs', 'Runs', ofRuns(runsContent)),
        section('comparison', 'Comparison', comparisonContent(runs)),
        page.sweep && section('sweep', 'Sweep', sweepContent(page.sweep)),
        section('curves', 'Curves', curvesContent(runs)),
        section('confusion', 'Confusion', ofEvaluations(confusionContent)),
        section('classes', 'Classes', ofEvaluations(classesContent)),
        section('mistakes', 'Worst mistakes', ofEvaluations(mistakesContent)),
        section('speed', 'Speed and device', ofRuns(speedContent)),
        section('configuration', 'Configuration', ofRuns(configurationContent)),
    ].filter(Boolean);
    document.getElementById('sections').append(...sections.map(
        ({id, firstChild}) => el('a', {href: `#${id}`}, firstChild.textContent)));
    document.getElementById('main').replaceChildren(...sections);
    keepScroll();
}

drawPage();
