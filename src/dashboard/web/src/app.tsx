// The whole page: which view is shown, and what is shown instead while there is no answer.
import { useEffect } from 'preact/hooks';
import type { Overview } from './api';
import { resource } from './ask';
import { ConditionPanel } from './components/condition';
import { Empty } from './components/empty';
import { Header } from './components/header';
import { OperationsView } from './components/operations';
import { OverviewView } from './components/overview';
import { Problem } from './components/problem';
import { Toolbar } from './components/toolbar';
import { subject, type Names } from './family';
import { useLimit, useNames } from './names';
import { useAddress, type Navigation } from './state';
import { useLive, type Live } from './stream';
import { browserZone, timesOf, TimesContext } from './times';

function useTitle({ state }: Navigation, data: Overview | null, names: Names): void {
  const title = state.view === 'operations' ? 'Operations' : subject(data?.family ?? null, data?.filters ?? [], names);
  useEffect(() => {
    document.title = `${title} – Millrace`;
  }, [title]);
}

function Loading() {
  return (
    <div class="loading" role="status">
      <span class="visually-hidden">Loading</span>
      <div class="skeleton tiles">
        <i /> <i /> <i /> <i />
      </div>
      <div class="skeleton large">
        <i />
      </div>
    </div>
  );
}

interface BodyProps {
  live: Live;
  /** The answer's figures, if it has any. */
  data: Overview | null;
  navigation: Navigation;
  names: Names;
  path: string;
}

function Body({ live, data, navigation, names, path }: BodyProps) {
  const { answer, error } = live;
  const current = answer?.path === path;
  if (error && !current) return <Problem error={error} state={navigation.state} />;
  if (answer === null || answer.view !== navigation.state.view) return <Loading />;
  if (answer.view === 'operations') return <OperationsView data={answer.data} />;
  if (data === null) return <Loading />;
  return (
    <>
      <ConditionPanel condition={data.condition} warnings={data.warnings} now={data.generated_at} />
      {data.empty || data.family === null ? (
        <Empty family={data.family} />
      ) : (
        <OverviewView
          data={data}
          family={data.family}
          navigation={navigation}
          names={names}
          stale={!current}
        />
      )}
    </>
  );
}

export function App() {
  const navigation = useAddress();
  const { state } = navigation;
  const path = resource(state);
  const live = useLive(path);
  const data = useLimit(state, live.answer?.view === 'overview' ? live.answer.data : null);
  const names = useNames(state, data);
  useTitle(navigation, data, names);
  // What is shown can be chosen even if there is nothing to show for it, but not before the first event.
  const choosable = state.view === 'overview' && !state.embed && !data?.empty;
  return (
    <TimesContext.Provider value={timesOf(data?.zone ?? state.zone ?? browserZone)}>
      {!state.embed && (
        <>
          <a class="skip" href="#main">
            Skip to the figures
          </a>
          <Header navigation={navigation} live={live} limited={data?.limited ?? state.link !== null} />
        </>
      )}
      <main id="main" tabIndex={-1} class={state.embed ? 'embed' : undefined}>
        {choosable && <Toolbar navigation={navigation} data={data} names={names} />}
        <Body live={live} data={data} navigation={navigation} names={names} path={path} />
      </main>
    </TimesContext.Provider>
  );
}
