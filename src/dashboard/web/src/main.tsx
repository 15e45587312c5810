// Starts the page.
import { render } from 'preact';
import { App } from './app';
import { applyRememberedTheme } from './theme';
import 'uplot/dist/uPlot.min.css';
import './styles/base.css';
import './styles/controls.css';
import './styles/header.css';
import './styles/toolbar.css';
import './styles/filters.css';
import './styles/panels.css';
import './styles/overview.css';
import './styles/trend.css';
import './styles/ranked.css';
import './styles/operations.css';
import './styles/print.css';

applyRememberedTheme();
const place = document.getElementById('app');
if (place) render(<App />, place);
