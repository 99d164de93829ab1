// SPDX-License-Identifier: Apache-2.0
/* The axes of a sweep's parallel coordinates: where a value lies on its axis, 0 at the bottom to 1
 * at the top, and the ticks beside it. */

/* Texts as numbers where all are; else each text is a place of its own. */
function parameterAxis(parameter, trials) {
    const texts = trials.map(trial => trial.parameters[parameter.name]);
    const given = texts.filter(text => text !== undefined && text !== null);
    const numeric = given.length > 0 && given.every(text => text !== '' && isFinite(Number(text)));
    return numeric && !parameter.values
        ? numberAxis(parameter.name, parameter.log,
                     trial => Number(trial.parameters[parameter.name]), given.map(Number))
        : wordAxis(parameter, given);
}

function numberAxis(name, logarithmic, read, list) {
    let [low, high] = [Math.min(...list), Math.max(...list)];
    const log = logarithmic && low > 0 && high > low;
    if (!(high > low))
        [low, high] = low === 0 ? [-1, 1] : [low - Math.abs(low) / 2, low + Math.abs(low) / 2];
    const place = value => log ? Math.log(value / low) / Math.log(high / low)
                               : (value - low) / (high - low);
    const inner = log ? logarithmicTicks(low, high, 5) : linearTicks(low, high, 5);
    return {name, note: log ? 'log' : '',
            ticks: inner.map(tick => ({at: place(tick), text: number(tick, 3)})),
            place: trial => {
                const value = read(trial);
                return isNumber(value) ? place(value) : null;
            }};
}

function wordAxis(parameter, given) {
    const words = [...new Set([...(parameter.values || []).map(String), ...given.map(String)])];
    const at = word => words.length > 1 ? words.indexOf(word) / (words.length - 1) : 0.5;
    return {name: parameter.name, note: '',
            ticks: words.map(word => ({at: at(word), text: word})),
            place: trial => {
                const text = trial.parameters[parameter.name];
                return text === undefined || text === null ? null : at(String(text));
            }};
}

function sweepAxes(sweep) {
    const objectives = sweep.trials.map(trial => trial.objective).filter(isNumber);
    const axes = sweep.parameters.map(parameter => parameterAxis(parameter, sweep.trials));
    if (objectives.length)
        axes.push(numberAxis(sweep.metric, false, trial => trial.objective, objectives));
    return axes;
}

/* How good an objective is among all of them: 1 is the best. */
function goodness(sweep) {
    const list = sweep.trials.map(trial => trial.objective).filter(isNumber).sort((a, b) => a - b);
    return objective => {
        if (!isNumber(objective) || list.length < 2)
            return isNumber(objective) ? 1 : 0;
        const rank = lowerBound(list, objective) / (list.length - 1);
        return sweep.goal === 'maximize' ? rank : 1 - rank;
    };
}
